package gio

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sockaddr"
)

// pull is what asks for clients instead of being told: Serve, Conns, Accept and
// NetListener. Protected by listener.mu.
type pull struct {
	serve   *serving
	conns   int  // loops over Conns in progress
	accepts int  // calls of Accept in progress
	asked   bool // Accept has been called: it will be again

	waiters []*waiter
	held    []*SocketConnection // accepted and not yet asked for: one at most on a service
}

// waiter is one goroutine that waits for a client.
type waiter struct {
	ch chan accepted // of capacity 1: the sender never waits
}

type accepted struct {
	sc  *SocketConnection
	err error
}

// wants tells whether somebody asks for clients or has done so by Accept.
func (p *pull) wants() bool { return p.serve != nil || p.conns > 0 || p.accepts > 0 || p.asked }

// claim refuses a second kind of consumer.
func (p *pull) claim(kind string) error {
	busy := ""
	switch {
	case p.serve != nil:
		busy = "Serve"
	case p.conns > 0 && kind != "Conns":
		busy = "Conns"
	case p.accepts > 0 && kind != "Accept":
		busy = "Accept"
	}
	if busy == "" {
		return nil
	}
	return fmt.Errorf("gio: %s: the service's clients go to %s already", kind, busy)
}

// remove takes w out of the queue; false when it has been served.
func (p *pull) remove(w *waiter) bool {
	for i, x := range p.waiters {
		if x == w {
			p.waiters = append(p.waiters[:i], p.waiters[i+1:]...)
			return true
		}
	}
	return false
}

// target is where the next client goes: Serve, a waiter, or neither, to be held.
type target struct {
	serve  *serving
	waiter *waiter
}

// pullTarget decides where a client goes that no handler took.
func (l *listener) pullTarget() (target, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &l.pull
	switch {
	case l.socksClosed:
		return target{}, false
	case p.serve != nil:
		return target{serve: p.serve}, true
	case len(p.waiters) > 0:
		w := p.waiters[0]
		p.waiters = p.waiters[1:]
		return target{waiter: w}, true
	}
	// The consumer is between two calls, or has just gone and the service is
	// about to pause: whoever comes next gets it.
	return target{}, p.wants() || (l.consumers == 0 && !l.foreign.Load())
}

// deliver hands sc over and returns the reasons to pause that follow.
func (l *listener) deliver(to target, sc *SocketConnection) native.Reasons {
	if to.serve != nil {
		pause := l.track(sc.c, true)
		to.serve.start(sc)
		return pause
	}
	pause := l.take(sc)
	if to.waiter != nil {
		to.waiter.ch <- accepted{sc: sc}
		return pause
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	// Since pullTarget looked, somebody may have begun to wait: holding it back
	// would leave both waiting for ever.
	switch p := &l.pull; {
	case l.socksClosed:
		go sc.Close()
	case p.serve != nil:
		l.handles()
		p.serve.start(sc)
	case len(p.waiters) > 0:
		p.waiters[0].ch <- accepted{sc: sc}
		p.waiters = p.waiters[1:]
	default:
		p.held = append(p.held, sc)
		pause |= native.PauseHeld
	}
	return pause
}

// next waits for one client. The caller has claimed its kind.
func (l *listener) next(ctx context.Context) (*SocketConnection, error) {
	l.mu.Lock()
	if l.socksClosed {
		l.mu.Unlock()
		return nil, l.closedError()
	}
	if len(l.pull.held) > 0 {
		sc := l.pull.held[0]
		l.pull.held = l.pull.held[1:]
		l.mu.Unlock()
		l.ask()
		return sc, nil
	}
	if err := context.Cause(ctx); err != nil {
		l.mu.Unlock()
		return nil, err
	}
	w := &waiter{ch: make(chan accepted, 1)}
	l.pull.waiters = append(l.pull.waiters, w)
	l.mu.Unlock()
	if err := l.ask(); err != nil {
		l.mu.Lock()
		gone := l.pull.remove(w)
		l.mu.Unlock()
		if gone {
			return nil, err
		}
	}
	select {
	case a := <-w.ch:
		return a.sc, a.err
	case <-ctx.Done():
	}
	l.mu.Lock()
	gone := l.pull.remove(w)
	l.mu.Unlock()
	if !gone { // served in the same moment: that client must not be lost
		a := <-w.ch
		return a.sc, a.err
	}
	return nil, context.Cause(ctx)
}

// ask gets the accepting side to work.
func (l *listener) ask() error {
	if l.kind != native.KindListener {
		l.mu.Lock()
		r := l.rush
		stale := r != nil && r.stale
		l.mu.Unlock()
		if r != nil && !stale {
			r.ask() // should it end meanwhile, a sync follows
		} else {
			l.sync()
		}
		return nil
	}
	return l.loop.Invoke(func() {
		l.mu.Lock()
		need := len(l.pull.waiters) > 0
		l.mu.Unlock()
		if need && !l.nativeClosed {
			l.native.Accept()
		}
	})
}

// Accepted takes the result of a plain listener's accept, on the loop's thread.
func (l *listener) Accepted(in *native.Incoming, err error) {
	var a accepted
	if in != nil {
		a.sc = newConn(l, in)
		l.take(a.sc)
	} else {
		a.err = err
	}
	l.mu.Lock()
	var w *waiter
	switch {
	case len(l.pull.waiters) > 0:
		w = l.pull.waiters[0]
		l.pull.waiters = l.pull.waiters[1:]
	case a.sc != nil && !l.socksClosed:
		l.pull.held = append(l.pull.held, a.sc) // the next Accept gets it
	case a.sc != nil:
		go a.sc.Close()
	}
	more := len(l.pull.waiters) > 0
	l.mu.Unlock()
	if w != nil {
		w.ch <- a
	}
	if more {
		_ = l.ask()
	}
}

// Accept waits for the next client and returns the connection and the source
// that was given with its address (g_socket_listener_accept_async). Any number
// of goroutines may call it; the connection is the caller's to Close. When ctx
// ends first, the error is its cause and nothing is lost: a client that is
// accepted meanwhile goes to the next Accept. With no address it waits for one.
//
// On a service it takes what no handler took, and the service accepts only as
// fast as it is asked. After Close the error is net.ErrClosed.
func (l *SocketListener) Accept(ctx context.Context) (*SocketConnection, any, error) {
	sc, err := l.l.accept(ctx)
	if err != nil {
		return nil, nil, err
	}
	return sc, sc.Source(), nil
}

func (l *listener) accept(ctx context.Context) (*SocketConnection, error) {
	l.mu.Lock()
	if err := l.pull.claim("Accept"); err != nil {
		l.mu.Unlock()
		return nil, err
	}
	l.pull.accepts++
	l.pull.asked = true
	l.mu.Unlock()
	sc, err := l.next(ctx)
	l.mu.Lock()
	l.pull.accepts--
	l.mu.Unlock()
	if err != nil {
		if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
			return nil, err
		}
		return nil, &net.OpError{Op: "accept", Net: sockaddr.Network(l.firstAddr()), Addr: l.firstAddr(), Err: err}
	}
	return sc, nil
}

func (l *listener) firstAddr() net.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.addrs) == 0 {
		return nil
	}
	return l.addrs[0]
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
	if a := n.l.firstAddr(); a != nil {
		return a
	}
	return &net.TCPAddr{}
}
