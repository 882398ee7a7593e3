// Package peer speaks D-Bus on a connection that a GSocketService accepted: a
// GDBusConnection on either end, without a message bus in between.
//
// gotk4 (v0.2.2) has GDBusConnection, too, and RegisterObject with closures.
// But what it wraps of GObject it never frees, and that would be two objects
// for each call that comes, the invocation and its message. So a few lines of
// C call libgio here, and gotk4's own objects are the connection, which is
// handed over, and the GVariants, which are freed.
package peer

import (
	"context"
	"fmt"
	"net"
	"runtime/cgo"
	"sync"
	"sync/atomic"
	"time"

	gotkglib "github.com/diamondburned/gotk4/pkg/glib/v2"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/glibloop"
)

// lastTime is how long what is queued at the end may take.
const lastTime = time.Second

// Object is what peers call. Its methods run on the loop's thread and must
// return at once.
type Object interface {
	// Call answers a method with a tuple, or nil for an empty one. An error that
	// is no *Error becomes org.freedesktop.DBus.Error.Failed. GDBus has checked
	// the parameters against the introspection data.
	Call(method string, parameters *gotkglib.Variant) (*gotkglib.Variant, error)
	Get(property string) *gotkglib.Variant
	Set(property string, value *gotkglib.Variant) error

	// Joined and Left bracket the time in which a peer takes signals.
	Joined(p *Peer)
	Left(p *Peer)
}

// Error is an error with its name on D-Bus.
type Error struct{ Name, Message string }

func (e *Error) Error() string { return e.Message }

// Server is what is the same for all connections.
type Server struct {
	Loop      *glibloop.Loop
	GUID      string // see NewGUID
	Path      string // of the object
	Interface *Interface
	Object    Object
	Anonymous bool // let in whoever can connect; otherwise only processes of the same user

	arrivals atomic.Uint64
	turns    turns
}

// Peer is one connection.
type Peer struct {
	*Server
	native native
	object Object
	ready  chan error
	left   chan struct{} // closed when the peer has hung up
	ended  chan struct{} // closed when GDBus is done with the connection
}

// Serve serves the object on conn until the peer leaves or ctx is done, which
// are no errors. It does not close conn, which nobody else may read or write.
// It blocks; the loop has to run until it returns.
func (s *Server) Serve(ctx context.Context, conn *gio.SocketConnection) error {
	timely, end, err := s.admit(ctx, conn)
	if err != nil {
		return err
	}
	end = sync.OnceFunc(end)
	defer end()
	stream := conn.Gotk4()
	if stream == nil {
		return net.ErrClosed
	}
	p := &Peer{Server: s, object: s.Object, ready: make(chan error, 1), left: make(chan struct{}), ended: make(chan struct{})}
	handle := cgo.NewHandle(p)
	defer handle.Delete()
	// On the loop's thread, so that GDBus calls back there.
	err = s.onLoop(func() error {
		p.native = newNative(stream, s.GUID, s.Anonymous, handle)
		return nil
	})
	if err != nil {
		return err
	}
	// On a loop that was closed meanwhile, GDBus has nobody left to call back.
	defer func() { _ = s.onLoop(func() error { p.native.free(); return nil }) }()
	err = p.authenticate(timely)
	end()
	if err != nil {
		return err
	}
	err = s.onLoop(func() error {
		if err := p.native.export(s.Path, s.Interface); err != nil {
			return err
		}
		s.Object.Joined(p)
		return nil
	})
	if err == nil {
		select {
		case <-p.left:
		case <-ctx.Done():
		}
	}
	if closeErr := p.close(err == nil); err == nil {
		err = closeErr
	}
	return err
}

func (s *Server) onLoop(f func() error) error { return s.Loop.Call(context.Background(), f) }

// authenticate waits until the peer has proved who it is.
func (p *Peer) authenticate(ctx context.Context) error {
	select {
	case err := <-p.ready:
		return err
	case <-ctx.Done():
	}
	if err := p.onLoop(func() error { p.native.cancel(); return nil }); err != nil {
		return err
	}
	err := <-p.ready
	if err != nil {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return err
}

// close ends the D-Bus connection and waits until GDBus has let go of it.
func (p *Peer) close(joined bool) error {
	err := p.onLoop(func() error {
		if joined {
			p.Object.Left(p)
		}
		p.native.close()
		return nil
	})
	if err != nil {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(lastTime):
	}
	if err := p.onLoop(func() error { p.native.hurry(); return nil }); err != nil {
		return err
	}
	<-p.ended
	return nil
}

// Emit sends a signal of the interface. For the loop's thread, between Joined
// and Left. A peer that does not read makes the queue grow: GDBus has no bound.
func (p *Peer) Emit(signal string, parameters *gotkglib.Variant) {
	p.native.emit(p.Path, p.Interface.name, signal, parameters)
}

// Changed tells the new value of a property (PropertiesChanged); as Emit.
func (p *Peer) Changed(property string, value *gotkglib.Variant) {
	p.native.changed(p.Path, p.Interface.name, property, value)
}
