package window

import (
	"fmt"
	"html"

	"github.com/diamondburned/gotk4/pkg/gtk/v4"
	"github.com/diamondburned/gotk4/pkg/pango"

	"github.com/glibserve/glibserve/examples/gtkchat/talk"
)

// people is the list of who is here.
type people struct {
	widget gtk.Widgetter
	count  *gtk.Label
	box    *gtk.Box
	rows   []*gtk.Label // as many as there ever were people; the rest is hidden
	more   *gtk.Label
}

func newPeople() *people {
	p := &people{count: gtk.NewLabel(""), box: gtk.NewBox(gtk.OrientationVertical, 0), more: row()}
	p.count.SetXAlign(0)
	p.count.AddCSSClass("people-count")
	p.more.AddCSSClass("dim-label")

	inner := gtk.NewBox(gtk.OrientationVertical, 0)
	inner.Append(p.count)
	inner.Append(p.box)
	inner.Append(p.more)
	scrolled := gtk.NewScrolledWindow()
	scrolled.SetPolicy(gtk.PolicyNever, gtk.PolicyAutomatic)
	scrolled.SetSizeRequest(170, -1)
	scrolled.SetVExpand(true)
	scrolled.SetChild(inner)
	scrolled.AddCSSClass("people")
	p.widget = scrolled
	return p
}

func row() *gtk.Label {
	label := gtk.NewLabel("")
	label.SetXAlign(0)
	label.SetEllipsize(pango.EllipsizeEnd)
	label.AddCSSClass("person")
	return label
}

func (p *people) show(room talk.State) {
	for len(p.rows) < len(room.People) {
		label := row()
		p.rows = append(p.rows, label)
		p.box.Append(label)
	}
	for i, label := range p.rows {
		label.SetVisible(i < len(room.People))
		if i >= len(room.People) {
			continue
		}
		name := room.People[i]
		label.SetTooltipText(name)
		if name == room.Me {
			// Not by a CSS class: taken away soon after it was given, GTK 4.8 may
			// leave the next name in bold.
			label.SetMarkup("<b>" + html.EscapeString(name) + " (you)</b>")
		} else {
			label.SetText(name)
		}
	}
	p.more.SetVisible(room.More > 0)
	p.more.SetText(fmt.Sprintf("and %d more", room.More))
	switch n := len(room.People) + room.More; n {
	case 0:
		p.count.SetText("")
	case 1:
		p.count.SetText("1 person")
	default:
		p.count.SetText(fmt.Sprintf("%d people", n))
	}
}
