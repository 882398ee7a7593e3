package gio_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/glibloop"
)

// errorOnLoop runs f on the loop's thread and wants it back.
func errorOnLoop(t *testing.T, loop *glibloop.Loop, f func() error) error {
	t.Helper()
	errc := make(chan error, 1)
	require.NoError(t, loop.Post(func() { errc <- f() }))
	return receive(t, errc)
}

// What could only wait for itself says so, in place of hanging.
func TestNothingWaitsForItselfOnTheLoopsThread(t *testing.T) {
	loop := newLoop(t)
	svc, addr := newService(t, &gio.ServiceConfig{Loop: loop})
	plain := gio.NewSocketListener(&gio.ListenerConfig{Loop: loop})
	defer plain.Close()
	_, err := plain.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	client := gio.NewSocketClient(&gio.ClientConfig{Loop: loop})
	defer client.Close()
	ctx := context.Background()
	for name, f := range map[string]func() error{
		"Serve": func() error {
			return svc.Serve(ctx, gio.HandlerFunc(func(context.Context, *gio.SocketConnection) {}))
		},
		"Accept":             func() error { _, _, err := svc.Accept(ctx); return err },
		"Accept of a plain":  func() error { _, _, err := plain.Accept(ctx); return err },
		"NetListener.Accept": func() error { _, err := svc.NetListener().Accept(); return err },
		"Conns": func() error {
			for _, err := range svc.Conns(ctx) {
				return err
			}
			return nil
		},
		"Shutdown":      func() error { return svc.Shutdown(ctx) },
		"Dial":          func() error { _, err := client.Dial(ctx, addr.Network(), addr.String()); return err },
		"DialContext":   func() error { _, err := client.DialContext(ctx, addr.Network(), addr.String()); return err },
		"Connect":       func() error { _, err := client.Connect(ctx, loopbackTarget(t)); return err },
		"ConnectToHost": func() error { _, err := client.ConnectToHost(ctx, addr.String(), 0); return err },
		"ConnectToURI":  func() error { _, err := client.ConnectToURI(ctx, "http://"+addr.String(), 0); return err },
		"ConnectToService": func() error {
			_, err := client.ConnectToService(ctx, "example.invalid", "http")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, errorOnLoop(t, loop, f), "own thread")
		})
	}
	serve(t, svc, echo) // and harmed nothing
	say(t, dial(t, addr), "hello")
}

// A stream waits on the loop, which its thread cannot have.
func TestAStreamDoesNotWaitOnTheLoopsThread(t *testing.T) {
	loop := newLoop(t)
	a, b := socketPair(t)
	wrapped.Add(1)
	c, err := gio.NewStreamConn(loop, a.Detach().Gotk4())
	require.NoError(t, err)
	defer c.Close()
	read := func() error { _, err := c.Read(make([]byte, 1)); return err }
	require.ErrorContains(t, errorOnLoop(t, loop, read), "own thread")
	_, err = b.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, errorOnLoop(t, loop, read), "there is something")
	require.NoError(t, c.SetReadDeadline(past))
	require.ErrorContains(t, errorOnLoop(t, loop, read), "timeout")
	require.NoError(t, c.SetReadDeadline(time.Time{}))
	write := func() error {
		for {
			if _, err := c.Write(make([]byte, 1<<16)); err != nil { // nobody reads
				return err
			}
		}
	}
	require.ErrorContains(t, errorOnLoop(t, loop, write), "own thread")
	go func() { _, _ = io.Copy(io.Discard, b) }()
	_, err = c.Write([]byte("x"))
	require.NoError(t, err, "elsewhere it waits")
}

// The peer may be served by the same loop.
func TestAGracefulCloseDoesNotHoldTheLoopOfItsService(t *testing.T) {
	svc, addr := newService(t, nil)
	closed := make(chan error, 1)
	svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool {
		_, werr := c.Write([]byte("all"))
		closed <- errors.Join(werr, c.SetGracefulDisconnect(true), c.Close())
		return true
	})
	peer := dial(t, addr)
	require.NoError(t, receive(t, closed), "before the peer has closed")
	b, err := io.ReadAll(peer)
	require.NoError(t, err)
	require.Equal(t, "all", string(b))
	_, err = peer.Write([]byte("dropped, and no reset"))
	require.NoError(t, err)
	require.NoError(t, peer.(*net.TCPConn).CloseWrite())
	_, err = peer.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
}

func init() {
	// an application, whose context another thread has.
	helpers["runs too late"] = func([]string) error {
		got := make(chan bool)
		go func() {
			runtime.LockOSThread()
			got <- glibloop.Default().MainContext().Acquire()
			select {} // and keeps it
		}()
		if !<-got {
			return errors.New("the context is taken already")
		}
		gotkgio.NewApplication("com.example.Late", gotkgio.ApplicationNonUnique).Run(nil)
		return nil
	}
}

// What GLib says then is in the README, where a search finds what to do.
func TestTheReadmeKnowsWhatGLibSaysOfAContextThatIsTaken(t *testing.T) {
	out, _ := helper(t, "runs too late").CombinedOutput()
	const message = "g_application_run() cannot acquire the default main context because it is already acquired by another thread!"
	require.Contains(t, string(out), message)
	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	require.NoError(t, err)
	require.Contains(t, string(readme), message)
}

// The ends of all that has a loop, its own included, wait for nothing there.
func TestClosesOnTheLoopsThreadReturn(t *testing.T) {
	for name, open := range map[string]func() (loop *glibloop.Loop, end func() error){
		"a service": func() (*glibloop.Loop, func() error) {
			svc, _ := newService(t, nil)
			serve(t, svc, echo)
			return svc.Loop(), svc.Close
		},
		"its net.Listener": func() (*glibloop.Loop, func() error) {
			svc, _ := newService(t, nil)
			serve(t, svc, echo)
			return svc.Loop(), svc.NetListener().Close
		},
		"a listener": func() (*glibloop.Loop, func() error) {
			l, _ := listenOn(t, "tcp", "127.0.0.1:0")
			return l.Loop(), l.Close
		},
		"a client": func() (*glibloop.Loop, func() error) {
			client := gio.NewSocketClient(nil)
			return client.Loop(), client.Close
		},
		"a stream": func() (*glibloop.Loop, func() error) {
			loop := newLoop(t)
			a, _ := socketPair(t)
			wrapped.Add(1)
			c, err := gio.NewStreamConn(loop, a.Detach().Gotk4())
			require.NoError(t, err)
			return loop, c.Close
		},
	} {
		t.Run(name, func(t *testing.T) {
			loop, end := open()
			require.NoError(t, errorOnLoop(t, loop, end))
		})
	}
}
