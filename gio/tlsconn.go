package gio

import (
	"context"
	"errors"
	"net"
	"runtime"
	"syscall"

	"github.com/glibserve/glibserve/gio/internal/giostream"
	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/netfd"
	"github.com/glibserve/glibserve/gio/internal/sys"
)

// CertificateError is why a TLS handshake failed: the certificate of the peer,
// and what GIO has against it (Flags, at least one; not all that could be said).
// It unwraps to Err, the *Error of the domain "g-tls-error-quark".
type CertificateError = giostream.CertificateError

// shutdownTLS is CloseRead and CloseWrite.
func (sc *SocketConnection) shutdownTLS(rd, wr bool) error {
	const op = "shutdown"
	defer runtime.KeepAlive(sc)
	c := sc.c
	t := c.tls.Load()
	if rd {
		t.CloseRead()
	}
	if wr {
		if !c.fd.Lock(netfd.Writing) {
			return c.opError(op, net.ErrClosed)
		}
		err := t.CloseWrite()
		c.fd.Unlock(netfd.Writing)
		if err != nil {
			return c.opError(op, err)
		}
	}
	return sc.use(op, func(n native.Connection) error {
		if errno := n.Shutdown(rd, false); errno != 0 {
			return errno
		}
		return nil
	})
}

// Handshake does the TLS handshake of a connection that speaks TLS by GIO, if it
// was not done yet; Read and Write do it otherwise (g_tls_connection_handshake).
// It blocks until it is over, ctx is done, or Close; the handshake itself goes
// on when ctx ends. An error of the handshake is the same for every later call:
// an *Error of the domain "g-tls-error-quark", a *CertificateError if the peer's
// certificate was the reason. On a connection without TLS it does nothing.
func (sc *SocketConnection) Handshake(ctx context.Context) error {
	defer runtime.KeepAlive(sc)
	return sc.use("handshake", func(native.Connection) error {
		t := sc.c.tls.Load()
		if t == nil {
			return nil
		}
		return t.Handshake(ctx)
	})
}

// TLS tells what the TLS handshake agreed on; false when there was none.
func (sc *SocketConnection) TLS() (TLSState, bool) {
	defer runtime.KeepAlive(sc)
	if !sc.c.fd.Acquire() {
		return TLSState{}, false
	}
	defer sc.c.fd.Release()
	facts, ok := sc.c.tls.Load().Facts()
	return tlsState(facts), ok
}

// StartTLS turns the connection into one that speaks TLS as a client, by GIO,
// and does the handshake: for protocols that begin without TLS and agree on it.
// From then on Read and Write are the decrypted bytes. It must not run beside
// Read or Write, and everything that the server said in the clear must have
// been read. When it fails, the connection is of no further use. Without
// ServerName no certificate is good. The files are read at each call; authorities
// that the process already has from a file that is still the same are shared.
func (sc *SocketConnection) StartTLS(ctx context.Context, cfg *ClientTLSConfig) error {
	defer runtime.KeepAlive(sc)
	if cfg == nil {
		cfg = &ClientTLSConfig{}
	}
	tls, err := newClientTLS(cfg)
	if err == nil {
		err = plainText(cfg.ServerName)
	}
	if err != nil {
		return sc.c.opError("handshake", err)
	}
	return sc.startTLS(ctx, tls.on(&sc.c.fd, cfg.ServerName))
}

var errPacketTLS = sys.WithMessage(syscall.EOPNOTSUPP, "TLS needs a stream: not a unixpacket socket")

func (sc *SocketConnection) startTLS(ctx context.Context, t *giostream.TLS) error {
	const op = "handshake"
	defer runtime.KeepAlive(sc)
	c := sc.c
	if c.addrs.packet {
		return c.opError(op, errPacketTLS)
	}
	for _, dir := range []netfd.Direction{netfd.Reading, netfd.Writing} {
		if !c.fd.Lock(dir) {
			return c.opError(op, net.ErrClosed)
		}
		defer c.fd.Unlock(dir)
	}
	err := errors.New("the connection speaks TLS already")
	if c.tls.CompareAndSwap(nil, t) {
		if c.fd.Shared() {
			c.share() // TLS moves the bytes by GIO from now on
		}
		if err = net.ErrClosed; !c.closed() { // Close may have looked before
			err = t.Handshake(ctx)
		}
	}
	if err != nil {
		err = c.opError(op, err)
	}
	return err
}
