// Command gtkhello shows each line that somebody writes to its Unix socket.
package main

import (
	"bufio"
	"context"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2" // the rest of GIO
	"github.com/diamondburned/gotk4/pkg/glib/v2"
	"github.com/diamondburned/gotk4/pkg/gtk/v4"

	"github.com/glibserve/glibserve/gio" // sockets
	"github.com/glibserve/glibserve/glibloop"
)

func main() {
	loop := glibloop.Default() // the one that GTK runs
	svc := gio.NewSocketService(&gio.ServiceConfig{Loop: loop, UnixMode: 0o600})
	path := filepath.Join(glib.GetUserRuntimeDir(), "gtkhello.sock")
	if _, err := svc.Listen("unix", path); err != nil {
		log.Fatal(err)
	} // who connects from here on waits for Serve
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	app := gtk.NewApplication("com.example.gtkhello", gotkgio.ApplicationNonUnique)
	app.ConnectActivate(func() {
		list := gtk.NewListBox()
		window := gtk.NewApplicationWindow(app)
		window.SetTitle(path)
		window.SetDefaultSize(480, 320)
		window.SetChild(list)
		window.Show()
		context.AfterFunc(ctx, func() { _ = loop.Post(app.Quit) }) // Ctrl-C, or kill
		go func() { _ = svc.Serve(ctx, show(loop, list)) }()
	})
	status := app.Run(os.Args) // until the window is closed
	svc.Close()                // ends the handlers and removes the socket's file
	os.Exit(status)
}

// show returns what is called for each client, on a goroutine of its own.
func show(loop *glibloop.Loop, list *gtk.ListBox) gio.HandlerFunc {
	return func(ctx context.Context, conn *gio.SocketConnection) {
		lines := bufio.NewScanner(conn)
		for lines.Scan() {
			text := strings.ToValidUTF8(lines.Text(), "?")
			// Runs on GTK's thread, where the widgets are, and waits for that: a
			// client that writes without end does not fill the memory.
			err := loop.Call(ctx, func() error {
				label := gtk.NewLabel(text)
				label.SetXAlign(0)
				list.Append(label)
				if old := list.RowAtIndex(10); old != nil {
					list.Remove(list.RowAtIndex(0))
				}
				return nil
			})
			if err != nil {
				return // the program ends
			}
		}
	}
}
