package window

import (
	"fmt"

	"github.com/diamondburned/gotk4/pkg/gdk/v4"
	"github.com/diamondburned/gotk4/pkg/gtk/v4"
	"github.com/diamondburned/gotk4/pkg/pango"
)

// css has no colours but the theme's, so that it fits light and dark ones.
const css = `
.people { background: transparent; }
.people-count { font-size: smaller; font-weight: bold; opacity: .6; padding: 14px 14px 6px 14px; }
.person { padding: 5px 14px; }
textview { font-size: 1.05em; }
.banner { background: alpha(@warning_color, .3); padding: 8px 14px; font-weight: bold; }
entry.message-entry { margin: 10px 12px; padding: 4px 12px; border-radius: 18px; }
`

// installStyle adds the CSS to the display, for all windows.
func installStyle() {
	provider := gtk.NewCSSProvider()
	provider.LoadFromData(css)
	gtk.StyleContextAddProviderForDisplay(gdk.DisplayGetDefault(), provider, gtk.STYLE_PROVIDER_PRIORITY_APPLICATION)
}

// nameColours can be read on white and on dark grey alike.
var nameColours = []string{"#2f7fe0", "#2a9a5a", "#d0661a", "#a45bc4", "#d14f68", "#168f97", "#a9772f", "#7f8c1f"}

func colourName(i int) string { return fmt.Sprintf("colour%d", i) }

// style is a tag of the text.
type style struct {
	name       string
	properties map[string]any
}

// styles are all of them; later ones win where they contradict.
func styles() []style {
	const faint = "#888888" // on white and on dark grey
	all := []style{
		{"heading", map[string]any{"pixels-above-lines": 10}},
		{"body", map[string]any{"pixels-above-lines": 2, "pixels-inside-wrap": 2}},
		{"action", map[string]any{"pixels-above-lines": 8}},
		{"notice", map[string]any{"pixels-above-lines": 8, "foreground": faint, "scale": 0.87, "justification": int(gtk.JustifyCenter)}},
		{"answer", map[string]any{"pixels-above-lines": 2, "foreground": faint, "family": "monospace", "scale": 0.87}},
		{"problem", map[string]any{"pixels-above-lines": 8, "foreground": "#d0323c"}},
		{"clock", map[string]any{"foreground": faint, "scale": 0.82}},
		{"private", map[string]any{"style": int(pango.StyleItalic)}},
		{"name", map[string]any{"weight": int(pango.WeightBold)}},
	}
	for i, colour := range nameColours {
		all = append(all, style{colourName(i), map[string]any{"foreground": colour}})
	}
	return all
}
