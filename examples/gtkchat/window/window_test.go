package window

// Not an external test: it looks at the widgets, on GTK's thread.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/diamondburned/gotk4/pkg/gio/v2"
	"github.com/diamondburned/gotk4/pkg/gtk/v4"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/gtkchat/talk"
	"github.com/glibserve/glibserve/examples/shared/display"
	"github.com/glibserve/glibserve/examples/shared/servertest"
	"github.com/glibserve/glibserve/glibloop"
)

var (
	app     *gtk.Application
	missing string
)

// TestMain gives GTK the main thread, and the tests a goroutine.
func TestMain(m *testing.M) {
	if missing = display.Missing(); missing != "" {
		os.Exit(m.Run())
	}
	d, err := display.Start()
	if err != nil {
		panic(err)
	}
	for name, value := range d.Env() {
		os.Setenv(name, value)
	}
	status := 1
	app = gtk.NewApplication("com.github.glibserve.gtkchat.test", gio.ApplicationNonUnique)
	app.ConnectActivate(func() {
		app.Hold()
		go func() {
			status = m.Run()
			_ = glibloop.Default().Post(app.Quit)
		}()
	})
	app.Run(nil)
	d.Close()
	os.Exit(status)
}

// onGTK runs a function on GTK's thread.
func onGTK[T any](t *testing.T, fn func() T) T {
	t.Helper()
	value, err := glibloop.Call(context.Background(), glibloop.Default(), func() (T, error) { return fn(), nil })
	require.NoError(t, err)
	return value
}

// eventually waits until something is so on GTK's thread, which may need
// frames to be drawn.
func eventually(t *testing.T, what string, fn func() bool) {
	t.Helper()
	require.Eventually(t, func() bool { return onGTK(t, fn) }, servertest.Patience, 10*time.Millisecond, what)
}

func open(t *testing.T, say func(string) bool) *Window {
	t.Helper()
	if missing != "" {
		t.Skip(missing)
	}
	w := onGTK(t, func() *Window {
		return New(app, Config{Places: []string{"tcp 127.0.0.1:9003", "unix @x"}, Say: say, Close: func() {}})
	})
	t.Cleanup(func() { onGTK(t, func() any { w.window.Destroy(); return nil }) })
	return w
}

func (w *Window) text() string {
	start, end := w.messages.buffer.Bounds()
	return w.messages.buffer.Text(start, end, true)
}

func TestTheConversationIsShown(t *testing.T) {
	w := open(t, nil)
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.Local)
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	text := onGTK(t, func() string {
		w.Show(talk.Update{
			Lines: []talk.Line{
				{Kind: talk.Notice, At: at(0), Text: "alice joined"},
				{Kind: talk.Said, At: at(1), From: "alice", Text: "Hello"},
				{Kind: talk.Said, At: at(2), From: "alice", Text: "<b>anybody</b> & 日本 \U0001f44b?"},
				{Kind: talk.Said, At: at(9), From: "alice", Text: "later"},
				{Kind: talk.Said, At: at(9), From: "zoë", Text: "yes", Own: true},
				{Kind: talk.Acted, At: at(9), From: "alice", Text: "waves"},
				{Kind: talk.Private, At: at(9), From: "alice", To: "zoë", Text: "psst"},
			},
		})
		w.Show(talk.Update{Lines: []talk.Line{
			{Kind: talk.Private, At: at(9), From: "zoë", To: "alice", Text: "what?", Own: true},
			{Kind: talk.Answer, At: at(9), Text: "Rooms:"},
			{Kind: talk.Problem, At: at(9), Text: "no"},
		}})
		return w.text()
	})
	require.Equal(t, strings.Join([]string{
		"alice joined",
		"alice   12:01", "Hello", "<b>anybody</b> & 日本 \U0001f44b?",
		"alice   12:09", "later",
		"zoë   12:09", "yes",
		"alice waves   12:09",
		"alice to you, in private   12:09", "psst",
		"you to alice, in private   12:09", "what?",
		"Rooms:", "no",
	}, "\n"), text)
}

func TestTheRoomIsShown(t *testing.T) {
	w := open(t, nil)
	shown := func(room talk.State) (s string) {
		return onGTK(t, func() string {
			w.Show(talk.Update{Room: room})
			for _, row := range w.people.rows {
				if row.Visible() {
					s += row.Text() + ","
				}
			}
			if w.people.more.Visible() {
				s += w.people.more.Text()
			}
			return w.title.Text() + "|" + w.subtitle.Text() + "|" + w.people.count.Text() + "|" + s
		})
	}
	const places = "tcp 127.0.0.1:9003, unix @x"
	require.Equal(t, "gtkchat|"+places+"||", shown(talk.State{}))
	require.Equal(t, "lobby|"+places+"|1 person|zoë (you),", shown(talk.State{Me: "zoë", Room: "lobby", People: []string{"zoë"}}))
	require.Equal(t, "lobby|soup  ·  "+places+"|3 people|alice,bob,zoë (you),",
		shown(talk.State{Me: "zoë", Room: "lobby", Topic: "soup", People: []string{"alice", "bob", "zoë"}}))
	// The first row was this person's, and is somebody else's now.
	require.False(t, onGTK(t, w.people.rows[0].UseMarkup))
	require.True(t, onGTK(t, w.people.rows[2].UseMarkup))
	require.Equal(t, "attic|"+places+"|42 people|alice,zoë (you),and 40 more",
		shown(talk.State{Me: "zoë", Room: "attic", People: []string{"alice", "zoë"}, More: 40}))
	require.Equal(t, "gtkchat: "+places, onGTK(t, w.window.Title))
}

func TestEnterSendsAndARefusalKeepsTheText(t *testing.T) {
	var said []string
	take := true
	w := open(t, func(text string) bool { said = append(said, text); return take })
	enter := func(text string) string {
		return onGTK(t, func() string {
			w.entry.SetText(text)
			w.entry.Emit("activate")
			return w.entry.Text()
		})
	}
	require.Empty(t, enter("hello"))
	require.Equal(t, "  ", enter("  "))
	onGTK(t, func() any { take = false; return nil })
	require.Equal(t, "more", enter("more"))
	require.Equal(t, []string{"hello", "more"}, onGTK(t, func() []string { return said }))

	onGTK(t, func() any { w.End(errors.New("the server ended the connection")); return nil })
	require.Equal(t, "more", enter("more"))
	require.False(t, onGTK(t, w.entry.IsSensitive))
	require.Contains(t, onGTK(t, w.text), "This conversation is over: the server ended the connection.")
	require.Len(t, said, 2)
}

func TestTheNewestIsSeenUnlessThePersonScrolledUp(t *testing.T) {
	w := open(t, nil)
	a := onGTK(t, w.messages.widget.VAdjustment)
	show := func(from, to int) {
		onGTK(t, func() any {
			for i := from; i < to; i++ {
				w.messages.add([]talk.Line{{Kind: talk.Said, From: fmt.Sprint(i), Text: strings.Repeat("a line that wraps ", i%20)}})
			}
			return nil
		})
	}
	atEnd := func() bool { return a.Upper() > 2*a.PageSize() && a.Value()+a.PageSize() >= a.Upper()-1 }
	eventually(t, "the window is drawn", func() bool { return a.PageSize() > 100 })
	for i := range 5 {
		show(100*i, 100*i+100)
		eventually(t, "the newest is seen", atEnd)
	}

	onGTK(t, func() any { a.SetValue(100); return nil })
	before := onGTK(t, a.Upper)
	show(500, 600)
	eventually(t, "there is more", func() bool { return a.Upper() > before+1000 })
	require.Less(t, onGTK(t, a.Value), 200.0, "the person reads on")

	onGTK(t, func() any { a.SetValue(a.Upper()); return nil })
	show(600, 610)
	eventually(t, "the newest is seen again", atEnd)
}

func TestTheNewestIsSeenBelowABanner(t *testing.T) {
	w := open(t, nil)
	a := onGTK(t, w.messages.widget.VAdjustment)
	onGTK(t, func() any {
		for range 100 {
			w.messages.add([]talk.Line{{Kind: talk.Said, From: "alice", Text: "a line"}})
		}
		return nil
	})
	seen := func(height func() bool) func() bool {
		return func() bool { return height() && a.Upper() > a.PageSize() && a.Value()+a.PageSize() >= a.Upper()-1 }
	}
	full := 0.0
	eventually(t, "the newest is seen", seen(func() bool { full = a.PageSize(); return full > 100 }))
	for _, text := range []string{"No network: nobody can come in.", ""} {
		onGTK(t, func() any { w.ShowOffline(text); return nil })
		require.Equal(t, text != "", onGTK(t, w.offline.widget.RevealChild))
		eventually(t, "the newest is seen", seen(func() bool { return (a.PageSize() < full) == (text != "") }))
	}
	require.Equal(t, "No network: nobody can come in.", onGTK(t, w.offline.label.Text), "it slides away with its text")
}

func TestOldLinesAreDropped(t *testing.T) {
	w := open(t, nil)
	onGTK(t, func() any {
		for i := range 3 * maxParagraphs {
			w.messages.add([]talk.Line{{Kind: talk.Answer, Text: fmt.Sprint("line ", i)}})
		}
		return nil
	})
	require.LessOrEqual(t, onGTK(t, w.messages.buffer.LineCount), maxParagraphs)
	text := onGTK(t, w.text)
	require.True(t, strings.HasSuffix(text, fmt.Sprintf("line %d\nline %d", 3*maxParagraphs-2, 3*maxParagraphs-1)))
	require.True(t, strings.HasPrefix(text, "line "), "whole lines are dropped")
}
