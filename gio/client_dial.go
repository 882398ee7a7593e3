package gio

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sockaddr"
	"github.com/glibserve/glibserve/gio/internal/sys"
	"github.com/glibserve/glibserve/glibloop"
)

// dial is one attempt to connect. Its Dial waits for it; when that has given
// up, the attempt goes on until GIO has let go of it, and a connection that comes
// of it is closed.
type dial struct {
	loop  *glibloop.Loop
	trace *dialTrace // nil: nobody asked for its events
	state atomic.Int32

	result chan dialed   // of capacity 1: the loop never waits
	ended  chan struct{} // closed once nothing more comes from C
}

const (
	dialWaiting = iota
	dialAnswered
	dialAbandoned
)

type dialed struct {
	sc  *SocketConnection
	err error
}

var _ native.DialCallbacks = (*dial)(nil)

func (c *client) dial(ctx context.Context, t *dialTarget) (*SocketConnection, error) {
	if ctx.Err() != nil {
		return nil, c.opError(t, contextError(ctx))
	}
	sc, err := c.dialWithin(ctx, t)
	if err != nil {
		return nil, c.opError(t, err)
	}
	sc.watchForgotten()
	return sc, nil
}

// dialWithin is dial within the client's own limits: its timeout and its life.
func (c *client) dialWithin(ctx context.Context, t *dialTarget) (*SocketConnection, error) {
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if c.timeout > 0 {
		defer time.AfterFunc(c.timeout, func() { cancel(c.timeoutError()) }).Stop()
	}
	defer context.AfterFunc(c.life, func() { cancel(net.ErrClosed) })()
	sc, err := c.connect(limited, t)
	if err == nil && c.tls != nil {
		err = c.tls.start(limited, sc, t)
	}
	switch {
	case err == nil:
		return sc, nil
	case ctx.Err() != nil:
		return nil, contextError(ctx)
	case c.life.Err() != nil: // perhaps the loop's end was seen first
		return nil, net.ErrClosed
	case limited.Err() != nil:
		return nil, context.Cause(limited)
	}
	return nil, err
}

func (c *client) connect(ctx context.Context, t *dialTarget) (*SocketConnection, error) {
	if err := c.check(t); err != nil {
		return nil, err
	}
	if c.loop.OnLoop() {
		return nil, errOnLoop
	}
	client, err := c.ref()
	if err != nil {
		return nil, err
	}
	d := &dial{loop: c.loop, trace: t.trace, result: newChan[dialed](1), ended: newChan[struct{}](0)}
	cancellable := native.NewDial()
	defer cancellable.Unref()
	cancellable.Ref() // for the function on the loop, which may outlive this one
	if t.object != nil {
		native.ObjectRef(t.object)
	}
	release := func() {
		client.Unref()
		cancellable.Unref()
		if t.object != nil {
			native.ObjectUnref(t.object)
		}
	}
	multipath := c.multipath && !sockaddr.IsUnix(t.network) && sys.HasMultipathTCP()
	err = c.loop.Invoke(func() {
		defer release()
		if d.state.Load() == dialAbandoned {
			d.DialEnded()
			return
		}
		cancellable.Start(d, client, d.loop, native.Target{
			Kind: t.kind, Family: t.family, Seqpacket: t.network == "unixpacket", Multipath: multipath,
			LocalPort: c.localPort, A: t.a, B: t.b, Port: t.port,
			Connectable: t.object, Traced: t.trace != nil,
		})
	})
	if err != nil {
		release()
		return nil, stopped(err)
	}

	for waiting := true; waiting; {
		select {
		case r := <-d.result:
			d.trace.deliver()
			return d.answer(r)
		case <-d.trace.arrived():
			d.trace.deliver()
			continue
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-d.loop.Done():
			err = stopped(glibloop.ErrStopped)
		}
		waiting = false
	}
	if !d.state.CompareAndSwap(dialWaiting, dialAbandoned) {
		// It came in the same moment.
		return d.answer(<-d.result)
	}
	cancellable.Cancel(d.loop)
	go d.outlive()
	return nil, err
}

func (d *dial) answer(r dialed) (*SocketConnection, error) {
	if r.err != nil {
		go d.outlive()
	}
	return r.sc, r.err
}

// outlive sees to it that an attempt ends that was abandoned or has failed, also
// when its loop is closed: GIO never finishes what nobody iterates, and would
// keep it for ever.
func (d *dial) outlive() {
	select {
	case <-d.ended:
		return
	case <-d.loop.Done():
	}
	const longest = 50 * time.Millisecond
	for wait := time.Millisecond; ; wait = min(2*wait, longest) {
		native.DrainContext(d.loop)
		select {
		case <-d.ended:
			return
		case <-time.After(wait):
		}
	}
}

// Dialed or DialFailed is called once, on the loop's thread, and then DialEnded.

func (d *dial) Dialed(n *native.Dialed) {
	if !d.state.CompareAndSwap(dialWaiting, dialAnswered) {
		n.Connection().Close()
		return
	}
	d.result <- dialed{sc: newDialed(n)}
}

func (d *dial) DialFailed(err error) {
	if d.state.CompareAndSwap(dialWaiting, dialAnswered) {
		d.result <- dialed{err: err}
	}
}

func (d *dial) DialEvent(e *native.ClientEvent) {
	if d.state.Load() == dialWaiting {
		d.trace.add(ClientEvent(e.Event()), sockaddr.Decode(e.PeerBytes()))
	}
}

func (d *dial) DialEnded() { close(d.ended) }

// newDialed makes the Go side of a connection and takes over its reference.
func newDialed(n *native.Dialed) *SocketConnection {
	// Handlers of "event" have seen it. No address: the peer has gone already.
	return newConnOf(n.Connection(), n.FD(), n.PeerBytes(), true)
}
