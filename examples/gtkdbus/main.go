// Command gtkdbus shows what peers say by D-Bus, without a bus: GDBus speaks on the
// connections that come to its Unix socket.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"path/filepath"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2" // GDBus
	"github.com/diamondburned/gotk4/pkg/glib/v2"
	"github.com/diamondburned/gotk4/pkg/gtk/v4"

	"github.com/glibserve/glibserve/gio" // sockets
	"github.com/glibserve/glibserve/glibloop"
)

func main() {
	loop := glibloop.Default()
	svc := gio.NewSocketService(&gio.ServiceConfig{Loop: loop, UnixMode: 0o600, MaxConns: 20})
	path := filepath.Join(glib.GetUserRuntimeDir(), "gtkdbus.sock")
	if _, err := svc.Listen("unix", path); err != nil {
		log.Fatal(err)
	}
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt)
	app := gtk.NewApplication("com.example.gtkdbus", gotkgio.ApplicationNonUnique)
	app.ConnectActivate(func() {
		label := gtk.NewLabel("nobody has said anything yet")
		window := gtk.NewApplicationWindow(app)
		window.SetTitle(path)
		window.SetDefaultSize(480, 120)
		window.SetChild(label)
		window.Show()
		svc.ConnectIncoming(func(conn *gio.SocketConnection, _ any) bool {
			speak(conn, label.SetText)
			return true // speak closes it
		})
		context.AfterFunc(ctx, func() { _ = loop.Post(app.Quit) }) // Ctrl-C
	})
	status := app.Run(os.Args)
	svc.Close()
	os.Exit(status)
}

// speak has GDBus use the connection, and calls say with the text of each signal
// com.example.Say. All of it runs on GTK's thread; GDBus reads on one of its own.
func speak(conn *gio.SocketConnection, say func(text string)) {
	const flags = gotkgio.DBusConnectionFlagsAuthenticationServer | gotkgio.DBusConnectionFlagsAuthenticationRequireSameUser |
		gotkgio.DBusConnectionFlagsDelayMessageProcessing // until somebody listens
	gotkgio.NewDBusConnection(context.Background(), conn.Gotk4(), gotkgio.DBusGenerateGUID(), flags, nil, func(res gotkgio.AsyncResulter) {
		bus, err := gotkgio.NewDBusConnectionFinish(res)
		if err != nil {
			log.Print("no D-Bus peer: ", err)
			conn.Close()
			return
		}
		bus.ConnectClosed(func(bool, error) { conn.Close() })
		bus.SignalSubscribe("", "com.example", "Say", "", "", gotkgio.DBusSignalFlagsNone,
			func(_ *gotkgio.DBusConnection, _, _, _, _ string, args *glib.Variant) {
				if args.TypeString() == "(s)" {
					say(args.ChildValue(0).String())
				}
			})
		bus.StartMessageProcessing()
	})
}
