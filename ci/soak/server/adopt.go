//go:build linux

package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"

	"github.com/glibserve/glibserve/gio"
)

// gotk4s is how many connections gotk4 makes in a run, and how many of these have ended.
// It keeps each for ever, 1.4 kB: with no limit to them nothing else's growth would show.
var gotk4s struct{ begun, ended atomic.Int64 }

const mostGotk4s = 500

// byAdoption makes each client's connection anew, of a duplicate of its socket: FileConn,
// and at first gotk4 and NewSocketConnection.
func byAdoption(ctx context.Context, o *opening, handle handle) func() error {
	return byHandler(ctx, o, func(c *gio.SocketConnection) {
		defer c.Close()
		adopt := gio.FileConn
		if o.server.gotk4 && gotk4s.begun.Add(1) <= mostGotk4s {
			adopt = ofGotk4
			defer gotk4s.ended.Add(1)
		}
		made, err := o.remake(c, adopt)
		_ = c.Close()
		switch {
		case err == nil:
			handleAndClose(o, made, handle)
		case !errors.Is(err, syscall.ENOTCONN) && !o.closing.Load(): // ENOTCONN: the client has left, by a reset
			o.server.wrong.add(fmt.Sprintf("server: no connection of a socket of service %s: %v", o.name, err))
		}
	})
}

// remake tries again for want of descriptors.
func (o *opening) remake(c *gio.SocketConnection, adopt func(*os.File) (*gio.SocketConnection, error)) (made *gio.SocketConnection, err error) {
	for began := time.Now(); time.Since(began) < patience; time.Sleep(2 * time.Millisecond) {
		var f *os.File
		if f, err = c.Socket().File(); err == nil {
			made, err = adopt(f)
			_ = f.Close()
		}
		if !enough(err) {
			break
		}
		o.server.retries.Add(1)
	}
	return made, err
}

// ofGotk4 has gotk4 make a GSocketConnection of a socket, and adopts that.
func ofGotk4(f *os.File) (*gio.SocketConnection, error) {
	fd, err := syscall.Dup(int(f.Fd())) // and Fd makes the socket a blocking one
	if err != nil {
		return nil, err
	}
	socket, err := gotkgio.NewSocketFromFd(fd)
	if err != nil {
		return nil, errors.Join(err, syscall.Close(fd))
	}
	c, err := gio.NewSocketConnection(socket.ConnectionFactoryCreateConnection())
	if err != nil {
		return nil, errors.Join(err, socket.Close())
	}
	return c, nil
}

// closeByGIO has GIO code close the connection while a Read waits, which must end.
func (v *visit) closeByGIO() error {
	c, ok := v.conn.(*gio.SocketConnection)
	if !ok {
		return fmt.Errorf("a %T is not GIO's, too", v.conn)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := v.read(make([]byte, 1))
		ended <- err
	}()
	if err := closeStream(c.Native()); err != nil {
		return err
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("a Read that GIO code's close should end: %w", err)
	}
	return nil
}
