package window

import (
	"context"

	"github.com/diamondburned/gotk4/pkg/gio/v2"
	"github.com/diamondburned/gotk4/pkg/glib/v2"
	"github.com/diamondburned/gotk4/pkg/gtk/v4"
)

// What the desktop's settings portal calls its wish for dark or light.
const (
	appearance  = "org.freedesktop.appearance"
	colorScheme = "color-scheme"
	preferDark  = 1
	preferLight = 2
)

// followScheme makes the theme dark or light as the desktop's settings say,
// now and whenever they change: GTK 4 leaves that to the program, or to
// libadwaita. Where there is no portal to ask, GTK's own settings decide. It
// does not wait for the answer.
func followScheme() {
	ctx := context.Background()
	gio.NewDBusProxyForBus(ctx, gio.BusTypeSession, gio.DBusProxyFlagsDoNotLoadProperties, nil,
		"org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop", "org.freedesktop.portal.Settings",
		func(res gio.AsyncResulter) {
			portal, err := gio.NewDBusProxyForBusFinish(res)
			if err != nil {
				return
			}
			portal.ConnectGSignal(func(_, signal string, args *glib.Variant) {
				if signal == "SettingChanged" && args.TypeString() == "(ssv)" &&
					args.ChildValue(0).String() == appearance && args.ChildValue(1).String() == colorScheme {
					setScheme(args.ChildValue(2))
				}
			})
			what := glib.NewVariantTuple([]*glib.Variant{glib.NewVariantString(appearance), glib.NewVariantString(colorScheme)})
			portal.Call(ctx, "Read", what, gio.DBusCallFlagsNone, -1, func(res gio.AsyncResulter) {
				if answer, err := portal.CallFinish(res); err == nil && answer.TypeString() == "(v)" {
					setScheme(answer.ChildValue(0))
				}
			})
		})
}

// setScheme takes the portal's number, which is wrapped in a variant or two.
func setScheme(value *glib.Variant) {
	for value.TypeString() == "v" {
		value = value.Variant()
	}
	if value.TypeString() != "u" {
		return
	}
	const property = "gtk-application-prefer-dark-theme"
	settings := gtk.SettingsGetDefault()
	switch value.Uint32() {
	case preferDark:
		settings.SetObjectProperty(property, true)
	case preferLight:
		settings.SetObjectProperty(property, false)
	default:
		settings.ResetProperty(property)
	}
}
