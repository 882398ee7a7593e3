package giostream

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/netfd"
)

// TLS is TLS by GIO over a connected descriptor. It reads and writes in place of the
// plain calls and waits as they do: whenever the TLS stream would block, GIO has
// just had EAGAIN from the socket in that direction, so the edge that the poller
// needs comes. Where GIO refuses because something else goes on in the TLS stream,
// nothing tells of the end of that: it is tried again after a while. The calls never
// block and run on the caller's thread: GTlsConnection allows one read beside one
// write, which the descriptor's locks ensure.
type TLS struct {
	fd     *netfd.FD
	hs     handshake
	start  StartTLS
	server bool // the peer speaks first
	of     *Handshakes

	// making is held while TLS is put on the socket; nothing of ours is locked under it.
	// Whoever has seen the end of hs, or Evict, reads stream without it.
	making sync.Mutex
	stream native.Stream // none if it did not come so far
	given  atomic.Bool   // others may have stream

	closing    chan struct{} // closed by Interrupt
	rdl, wdl   deadline      // of the wait for the handshake
	readClosed atomic.Bool   // CloseRead

	// One pending operation each way, under the descriptor's locks. The functions
	// are made once.
	rd, wr transfer

	// one is held in calls on the TLS stream that GIO lets nobody beside: a read and
	// close_notify. They do not wait for the peer, and whoever finds the other one there
	// would need a descriptor to wait for its end.
	one sync.Mutex

	// Under Writing's lock, or nobody uses the descriptor any more.
	rest  []byte // what TLS has taken and not yet sent
	ended bool   // CloseWrite has begun: TLS sends no more
	held  []byte // what it has left to send then
	cut   bool   // Close came in the middle of a Write
}

// StartTLS puts TLS on a connection.
type StartTLS func(native.Connection) (native.Stream, error)

// NewTLS makes it without doing anything yet: start is called by what comes first,
// Handshake, Read or Write. A handshake may take as long as limit if that is not 0, and
// begins when of has a place for it; nil is for that of a client. The peer of a server
// speaks first.
func NewTLS(fd *netfd.FD, limit time.Duration, of *Handshakes, start StartTLS) *TLS {
	t := &TLS{fd: fd, start: start, server: of != nil, of: of, closing: make(chan struct{})}
	if of == nil {
		t.of = clientHandshakes
	}
	t.hs.init(limit)
	t.rd.once, t.wr.once = t.tryRead, t.tryWrite
	return t
}

// AdoptTLS is TLS that somebody else has put on the connection: it takes stream over,
// and does the handshake only if that is still to come.
func AdoptTLS(fd *netfd.FD, stream native.Stream) *TLS {
	var of *Handshakes
	if stream.IsTLSServer() {
		of = streamHandshakes
	}
	t := NewTLS(fd, DefaultHandshakeTimeout, of, nil)
	t.stream = stream
	t.given.Store(true)
	if stream.HandshakeDone() {
		t.hs.skip()
	}
	return t
}

// Handshake waits for the handshake, and begins it if nobody has. It goes on when
// ctx, which may be nil, ends first. The caller holds a reference to the descriptor.
func (t *TLS) Handshake(ctx context.Context) error {
	if ctx == nil {
		ctx = context.Background()
	}
	return t.ready(ctx, nil)
}

// ready waits for the handshake. The caller holds a reference to the descriptor.
func (t *TLS) ready(ctx context.Context, d *deadline) error {
	if t.hs.finished() { // nearly always
		return t.hs.err
	}
	var expired <-chan struct{}
	if d != nil {
		expired = d.done()
	}
	return t.hs.wait(ctx, t.begin, expired, t.closing)
}

// begin is for the handshake. TLS is put on the socket once it has its turn: most of
// those who never come so far then cost no more than their connection.
func (t *TLS) begin() (handshaking, error) {
	return handshaking{stream: t.put, after: func() {}, socket: t.fd, server: t.server, given: t.given.Load, of: t.of}, nil
}

// Stream is the GTlsConnection, for others to have: it is made if there is none, without
// the handshake. The result is good for as long as the caller holds a reference to the
// descriptor.
func (t *TLS) Stream() (native.Stream, error) {
	t.given.Store(true) // before they can read
	return t.put()
}

func (t *TLS) put() (native.Stream, error) {
	if !t.fd.Acquire() {
		return native.Stream{}, net.ErrClosed
	}
	defer t.fd.Release()
	t.making.Lock()
	defer t.making.Unlock()
	if t.stream.Valid() {
		return t.stream, nil
	}
	n, err := t.fd.Objects()
	if err == nil {
		t.stream, err = t.start(n)
	}
	return t.stream, err
}

// Facts tells what the handshake agreed on; false when it is not over, or has
// failed. The caller holds a reference to the descriptor.
func (t *TLS) Facts() (native.TLSFacts, bool) {
	if t == nil || !t.hs.finished() || t.hs.err != nil {
		return native.TLSFacts{}, false
	}
	return t.stream.TLSFacts(), true
}

// Native is the TLS stream, once the handshake is over and was good. The caller holds a
// reference to the descriptor while it uses that.
func (t *TLS) Native() (native.Stream, bool) {
	if t == nil || !t.hs.finished() || t.hs.err != nil {
		return native.Stream{}, false
	}
	return t.stream, true
}

// SetDeadline is for waits for the handshake: later ones are the descriptor's. Like
// the next two methods it does nothing to nil, which is no TLS.
func (t *TLS) SetDeadline(at time.Time, rd, wr bool) {
	if t == nil || t.hs.finished() {
		return
	}
	if rd {
		t.rdl.set(at)
	}
	if wr {
		t.wdl.set(at)
	}
}

// Interrupt is for Close: it wakes who waits for the handshake, and ends that.
func (t *TLS) Interrupt() {
	if t != nil {
		t.hs.interrupt(func() { close(t.closing) })
	}
}

// Begun tells whether TLS was put on the socket, or may be yet. It is final after
// Interrupt.
func (t *TLS) Begun() bool {
	if t == nil || t.hs.hasBegun() {
		return t != nil
	}
	t.making.Lock()
	defer t.making.Unlock()
	return t.stream.Valid()
}
