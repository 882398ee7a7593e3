// Command gtkdbus shows what peers say by D-Bus, without a bus: GDBus speaks on the
// connections that come to its Unix socket.
package main

// #cgo pkg-config: gio-2.0
// #include "bus.h"
import "C"

import (
	"context"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/cgo"
	"syscall"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2" // the rest of GIO
	"github.com/diamondburned/gotk4/pkg/glib/v2"
	"github.com/diamondburned/gotk4/pkg/gtk/v4"

	"github.com/glibserve/glibserve/gio" // sockets
	"github.com/glibserve/glibserve/glibloop"
)

var label *gtk.Label

func main() {
	loop := glibloop.Default() // the one that GTK runs
	svc := gio.NewSocketService(&gio.ServiceConfig{Loop: loop, UnixMode: 0o600, MaxConns: 20})
	path := filepath.Join(glib.GetUserRuntimeDir(), "gtkdbus.sock")
	if _, err := svc.Listen("unix", path); err != nil {
		log.Fatal(err)
	}
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	app := gtk.NewApplication("com.example.gtkdbus", gotkgio.ApplicationNonUnique)
	app.ConnectActivate(func() {
		label = gtk.NewLabel("nobody has said anything yet")
		window := gtk.NewApplicationWindow(app)
		window.SetTitle(path)
		window.SetDefaultSize(480, 120)
		window.SetChild(label)
		window.Show()
		svc.ConnectIncoming(func(conn *gio.SocketConnection, _ any) bool {
			// GDBus takes a reference to the object. Go's stays with conn, which is in the handle.
			C.peer_new(C.uintptr_t(conn.Native()), C.uintptr_t(cgo.NewHandle(conn)))
			return true // peerLeft closes it
		})
		context.AfterFunc(ctx, func() { _ = loop.Post(app.Quit) }) // Ctrl-C, or kill
	})
	status := app.Run(os.Args)
	svc.Close()
	os.Exit(status)
}

// Both are called on GTK's thread, on which peer_new was.

//export peerSaid
func peerSaid(text *C.char) { label.SetText(C.GoString(text)) }

//export peerLeft
func peerLeft(handle C.uintptr_t, problem *C.char) {
	if problem != nil {
		log.Print("no D-Bus peer: ", C.GoString(problem))
	}
	h := cgo.Handle(handle)
	h.Value().(*gio.SocketConnection).Close()
	h.Delete()
}
