// Command gtkchat is a chat with a window: a server on GTK's own main loop
// whose room the window shows, or a guest of another server.
//
// Package talk is the conversation and knows nothing of GTK; package window
// shows it and knows nothing of sockets. This command ties them together: what
// happens on goroutines reaches the window through glibloop.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/diamondburned/gotk4/pkg/gio/v2"
	"github.com/diamondburned/gotk4/pkg/gtk/v4"

	"github.com/glibserve/glibserve/examples/gtkchat/talk"
	"github.com/glibserve/glibserve/examples/gtkchat/window"
	"github.com/glibserve/glibserve/examples/shared/listen"
	"github.com/glibserve/glibserve/examples/shared/program"
	"github.com/glibserve/glibserve/glibloop"
)

const (
	name          = "gtkchat"
	applicationID = "com.github.glibserve.gtkchat"
)

func main() { program.Main(run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	var opts options
	opts.register(flags)
	if status, done := program.Parse(flags, usage, args, stdout, stderr); done {
		return status
	}
	if err := opts.check(flags); err != nil {
		return program.Refuse(name, err, stderr)
	}
	// g_application_run would end the process where it finds this out.
	if !gtk.InitCheck() {
		return program.Fail(name, errors.New("there is no display to open a window on: is DISPLAY or WAYLAND_DISPLAY set?"), stderr)
	}
	conversation, err := opts.open(ctx, stdout, slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return program.Fail(name, err, stderr)
	}
	return show(ctx, conversation)
}

// open listens or joins, before the application runs: what goes wrong is told
// on the terminal.
func (o *options) open(ctx context.Context, stdout io.Writer, log *slog.Logger) (talk.Conversation, error) {
	if o.join != nil {
		return talk.Join(ctx, *o.join, o.name)
	}
	host, err := talk.NewHost(talk.HostConfig{
		Loop: glibloop.Default(), Addresses: o.addresses.Addresses(), Name: o.name, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	if err := listen.Announce(stdout, host.Addrs()); err != nil {
		host.Close()
		return nil, err
	}
	return host, nil
}

// show runs the application until the window is closed or ctx is done.
func show(ctx context.Context, conversation talk.Conversation) int {
	app := gtk.NewApplication(applicationID, gio.ApplicationNonUnique)
	c := &chat{app: app, conversation: conversation, ran: make(chan struct{})}
	app.ConnectActivate(func() { c.start(ctx) })
	status := app.Run(nil)
	// Has nothing left to do when the window could be shown.
	conversation.Close()
	return status
}

// chat is a conversation in its window.
type chat struct {
	app          *gtk.Application
	conversation talk.Conversation
	window       *window.Window
	monitor      *gio.NetworkMonitor

	once sync.Once     // of end
	ran  chan struct{} // closed when the conversation is over
}

// start runs on GTK's thread, and so does everything in the functions that are
// given to the window or to the loop.
func (c *chat) start(ctx context.Context) {
	c.window = window.New(c.app, window.Config{
		Places: c.conversation.Places(),
		Say:    c.conversation.Say,
		Close:  c.end,
	})
	context.AfterFunc(ctx, c.end)
	go c.run()
	// GIO tells of a change of the routes at once; an address can also go without one.
	c.monitor = gio.NetworkMonitorGetDefault()
	c.monitor.ConnectNetworkChanged(func(bool) { c.look() })
	c.watch()
}

// watch looks each second how the conversation is doing, until it ends.
func (c *chat) watch() {
	if c.look() {
		glibloop.Default().AfterFunc(time.Second, c.watch)
	}
}

// look shows how the server and the network are doing. It reports whether the
// conversation goes on.
func (c *chat) look() bool {
	select {
	case <-c.ran:
		c.window.ShowOffline("") // it is over, for which there is another sentence
		return false
	default:
	}
	c.window.ShowStatus(c.conversation.Status())
	c.window.ShowOffline(c.conversation.Offline(network(c.monitor)))
	return true
}

// run is the goroutine of the conversation.
func (c *chat) run() {
	loop := glibloop.Default()
	err := c.conversation.Run(func(u talk.Update) {
		// Waits for the window, so that a flood of messages waits in the
		// conversation's bounded queue and not in the loop's.
		_ = loop.Call(context.Background(), func() error { c.window.Show(u); return nil })
	})
	close(c.ran)
	if err != nil {
		_ = loop.Post(func() { c.window.End(err) })
		return
	}
	c.end() // by /quit
}

// end leaves the conversation, and ends the application when that is done.
// The loop runs meanwhile, because the server is on it. Any goroutine may call
// it, as often as it likes.
func (c *chat) end() {
	c.once.Do(func() {
		go func() {
			_ = glibloop.Default().Post(func() { c.window.Hide() })
			c.conversation.Close()
			<-c.ran
			_ = glibloop.Default().Post(c.app.Quit)
		}()
	})
}
