package window

import "github.com/diamondburned/gotk4/pkg/gtk/v4"

// banner is a sentence above the conversation that cannot be overlooked, as long as it
// holds.
type banner struct {
	widget *gtk.Revealer
	label  *gtk.Label
}

func newBanner() *banner {
	b := &banner{widget: gtk.NewRevealer(), label: gtk.NewLabel("")}
	b.label.AddCSSClass("banner")
	b.label.SetWrap(true)
	b.widget.SetChild(b.label)
	return b
}

// show shows a text, or takes the banner away; the old text slides away with it.
func (b *banner) show(text string) {
	if text != "" {
		b.label.SetText(text)
	}
	b.widget.SetRevealChild(text != "")
}
