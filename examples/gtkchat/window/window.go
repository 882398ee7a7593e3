// Package window shows a conversation in a GTK window. It knows nothing of
// servers and connections: package talk does, and nothing of GTK.
//
// All of it is for GTK's thread alone. Nothing here makes a widget for each
// message: gotk4 (v0.2.2) never frees what it wrapped, so the widgets are made
// once and used again.
package window

import (
	"strings"

	"github.com/diamondburned/gotk4/pkg/gtk/v4"
	"github.com/diamondburned/gotk4/pkg/pango"

	"github.com/glibserve/glibserve/examples/chat/hub"
	"github.com/glibserve/glibserve/examples/gtkchat/talk"
)

// Config is what a window needs to know.
type Config struct {
	Places []string               // where the conversation is, for the title
	Say    func(text string) bool // takes what was typed, or not; must not block
	Close  func()                 // the person closed the window; it is hidden already
}

// Window is a window with a conversation in it.
type Window struct {
	window   *gtk.ApplicationWindow
	title    *gtk.Label
	subtitle *gtk.Label
	people   *people
	messages *messages
	entry    *gtk.Entry
	offline  *banner

	places string
	topic  string
	status string
	say    func(text string) bool
	ended  bool
}

// New makes the window and shows it. Call it once the application runs.
func New(app *gtk.Application, cfg Config) *Window {
	installStyle()
	followScheme()
	w := &Window{
		window:   gtk.NewApplicationWindow(app),
		title:    heading("title"),
		subtitle: heading("subtitle"),
		people:   newPeople(),
		messages: newMessages(),
		entry:    gtk.NewEntry(),
		offline:  newBanner(),
		places:   strings.Join(cfg.Places, ", "),
		say:      cfg.Say,
	}
	w.window.SetTitle("gtkchat: " + w.places)
	w.window.SetDefaultSize(760, 540)
	w.window.SetTitlebar(w.header())
	w.window.SetChild(w.content())
	w.window.ConnectCloseRequest(func() bool {
		// Hidden and not destroyed: the application goes on until the others
		// were told.
		w.window.SetVisible(false)
		cfg.Close()
		return true
	})
	app.SetAccelsForAction("window.close", []string{"<Control>w", "<Control>q"})

	w.entry.SetMaxLength(hub.MaxLine)
	w.entry.SetHExpand(true)
	w.entry.ConnectActivate(w.send)
	w.Show(talk.Update{})
	w.window.SetFocus(w.entry)
	w.window.Present()
	return w
}

// heading is a line of the title.
func heading(class string) *gtk.Label {
	label := gtk.NewLabel("")
	label.AddCSSClass(class)
	label.SetEllipsize(pango.EllipsizeEnd)
	label.SetSingleLineMode(true)
	return label
}

func (w *Window) header() *gtk.HeaderBar {
	both := gtk.NewBox(gtk.OrientationVertical, 0)
	both.SetVAlign(gtk.AlignCenter)
	both.Append(w.title)
	both.Append(w.subtitle)
	bar := gtk.NewHeaderBar()
	bar.SetTitleWidget(both)
	return bar
}

func (w *Window) content() gtk.Widgetter {
	w.entry.AddCSSClass("message-entry")
	talk := gtk.NewBox(gtk.OrientationVertical, 0)
	talk.SetHExpand(true)
	talk.Append(w.offline.widget)
	talk.Append(w.messages.widget)
	talk.Append(gtk.NewSeparator(gtk.OrientationHorizontal))
	talk.Append(w.entry)

	all := gtk.NewBox(gtk.OrientationHorizontal, 0)
	all.Append(w.people.widget)
	all.Append(gtk.NewSeparator(gtk.OrientationVertical))
	all.Append(talk)
	return all
}

// send hands over what is in the entry.
func (w *Window) send() {
	text := w.entry.Text()
	if strings.TrimSpace(text) == "" {
		return
	}
	if w.ended || !w.say(text) {
		w.entry.ErrorBell() // and the text stays, for another try
		return
	}
	w.entry.SetText("")
}

// Show shows what is new.
func (w *Window) Show(u talk.Update) {
	w.messages.add(u.Lines)
	w.people.show(u.Room)
	room := u.Room.Room
	if room == "" {
		room = "gtkchat"
	}
	w.title.SetText(room)
	w.topic = u.Room.Topic
	w.describe()
	if u.Room.Me != "" && !w.ended {
		w.entry.SetPlaceholderText("Say something as " + u.Room.Me + ", or /help")
	}
}

// ShowStatus shows how the server is doing, beside where it is.
func (w *Window) ShowStatus(status string) {
	if status != w.status {
		w.status = status
		w.describe()
	}
}

// ShowOffline shows why people cannot reach one another, until it is told "".
func (w *Window) ShowOffline(reason string) { w.offline.show(reason) }

// describe fills in the second line of the title.
func (w *Window) describe() {
	var parts []string
	for _, part := range []string{w.topic, w.places, w.status} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	subtitle := strings.Join(parts, "  ·  ")
	w.subtitle.SetText(subtitle)
	w.subtitle.SetTooltipText(subtitle)
}

// End shows that nothing more will come, and why.
func (w *Window) End(reason error) {
	w.ended = true
	w.messages.add([]talk.Line{{Kind: talk.Problem, Text: "This conversation is over: " + reason.Error() + "."}})
	w.entry.SetPlaceholderText("This conversation is over")
	w.entry.SetSensitive(false)
}

// Hide takes the window off the screen.
func (w *Window) Hide() { w.window.SetVisible(false) }
