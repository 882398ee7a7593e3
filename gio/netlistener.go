package gio

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sockaddr"
)

// Accept waits for the next client and returns the connection and the source
// that was given with its address (g_socket_listener_accept_async). Any number
// of goroutines may call it; the connection is the caller's to Close. When ctx
// ends first, the error is its cause and nothing is lost: a client that is
// accepted meanwhile goes to the next Accept. With no address it waits for one.
//
// On a service it takes what no handler took, and the service accepts only as
// fast as it is asked. After Close the error is net.ErrClosed. On the loop's own
// thread, where Accept could only wait for itself, it is an error.
func (l *SocketListener) Accept(ctx context.Context) (*SocketConnection, any, error) {
	sc, err := l.l.accept(ctx)
	if err != nil {
		return nil, nil, err
	}
	return sc, sc.Source(), nil
}

func (l *listener) accept(ctx context.Context) (*SocketConnection, error) {
	sc, err := l.acceptNext(ctx)
	if err == nil || (ctx.Err() != nil && errors.Is(err, context.Cause(ctx))) {
		return sc, err
	}
	addr := l.addrs.first()
	return nil, &net.OpError{Op: "accept", Net: sockaddr.Network(addr), Addr: addr, Err: err}
}

func (l *listener) acceptNext(ctx context.Context) (*SocketConnection, error) {
	if err := l.refuseOnLoop(kindAccept); err != nil {
		return nil, err
	}
	if _, err := l.queue.acquire(kindAccept, nil); err != nil {
		return nil, l.queueError(err)
	}
	defer func() {
		l.queue.release(kindAccept)
		if l.kind == native.KindThreaded {
			l.update() // who is pending may be for a handler of "run"
		}
	}()
	return l.next(ctx)
}

// next waits for one client. The caller is entered in the queue.
func (l *listener) next(ctx context.Context) (*SocketConnection, error) {
	if err := context.Cause(ctx); err != nil && !l.queue.ready() {
		return nil, err
	}
	sc, r, err := l.queue.request()
	if err != nil {
		return nil, l.queueError(err)
	}
	if sc != nil {
		l.recheck() // the next one may be accepted
		return sc, nil
	}
	l.requestNext()
	select {
	case a := <-r.ch:
		return a.sc, a.err
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-l.loop.Done():
		err = l.loopEnded()
	}
	if !l.queue.withdraw(r) { // answered in the same moment: that client must not be lost
		a := <-r.ch
		return a.sc, a.err
	}
	return nil, err
}

// requestNext gets the accepting side to work for somebody who has begun to wait.
func (l *listener) requestNext() {
	if l.kind != native.KindListener {
		l.recheck()
		return
	}
	_ = l.loop.Invoke(func() {
		if l.queue.waits() && !l.life.nativeClosed {
			l.native.Accept()
		}
	})
}

// Accepted is the end of a plain listener's accept, on the loop's thread.
func (l *listener) Accepted(in *native.Incoming, err error) {
	if in != nil {
		sc := newConn(l, in)
		l.conns.add(sc.c, false)
		l.put(pendingClient{sc: sc})
	} else if r := l.queue.next(); r != nil {
		r.ch <- accepted{err: err}
	}
	if l.queue.waits() {
		l.requestNext()
	}
}

// queueError is what a user gets for an error of the queue's.
func (l *listener) queueError(err error) error {
	if err == errQueueClosed {
		return l.closedError()
	}
	return err
}

// NetListener returns the listener as a net.Listener, for http.Server and the
// like: Accept is that of the listener, Addr its first address, and Close
// closes the listening sockets alone, so that http.Server.Shutdown can drain
// the connections. Close the listener or service itself as well.
func (l *SocketListener) NetListener() net.Listener { return &netListener{l: l.l} }

type netListener struct {
	l    *listener
	once sync.Once
}

func (n *netListener) Accept() (net.Conn, error) {
	sc, err := n.l.accept(context.Background())
	if err != nil {
		return nil, err // never a typed nil in the interface
	}
	sc.SetIdleTimeout(0) // its user sets deadlines; nobody has seen sc before
	return sc, nil
}

func (n *netListener) Close() error {
	err := net.ErrClosed
	n.once.Do(func() { err = n.l.closeSockets() })
	return err
}

// Addr is the first address, or an empty one when there is none yet.
func (n *netListener) Addr() net.Addr {
	if a := n.l.addrs.first(); a != nil {
		return a
	}
	return &net.TCPAddr{}
}
