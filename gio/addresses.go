package gio

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sockaddr"
)

// addressTable is what a listener listens on.
type addressTable struct {
	mu      sync.Mutex // protects what follows; see listener for the order
	all     []net.Addr
	sources []sourceRef
	paths   []sockaddr.BoundPath
	adding  net.Addr // of the add under way

	// sockets is by GIO's index. Only ever appended to, on the loop's thread, which
	// readers don't see: each has a slice of its own length.
	sockets atomic.Pointer[[]listeningSocket]
}

// listeningSocket is what there is to know of one of GIO's sockets.
type listeningSocket struct {
	listenAddr net.Addr // nil where a connection's own may differ
	shared     bool     // other code has the descriptor, too
}

func (t *addressTable) socket(i int) (s listeningSocket, ok bool) {
	if all := t.sockets.Load(); all != nil && i >= 0 && i < len(*all) {
		return (*all)[i], true
	}
	return s, false
}

// shared tells whether others have the i-th socket.
func (t *addressTable) shared(i int) bool {
	s, ok := t.socket(i)
	return !ok || s.shared
}

func (t *addressTable) first() net.Addr {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.all) == 0 {
		return nil
	}
	return t.all[0]
}

// setAdding notes the address of the add that begins, for the handlers of "event",
// and returns that of the one around it.
func (t *addressTable) setAdding(addr net.Addr) (outer net.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	outer, t.adding = t.adding, addr
	return outer
}

func (t *addressTable) beingAdded() net.Addr {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.adding
}

func (t *addressTable) addPath(p sockaddr.BoundPath) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.paths = append(t.paths, p)
}

// add enters the addresses of sockets that were added, on the loop's thread.
func (t *addressTable) add(first int, addrs []net.Addr, ref sourceRef, shared bool) {
	var sockets []listeningSocket
	if old := t.sockets.Load(); old != nil {
		sockets = *old
	}
	for len(sockets) < first { // added by others
		sockets = append(sockets, listeningSocket{shared: true})
	}
	for _, a := range addrs {
		s := listeningSocket{shared: shared}
		if sockaddr.Fixed(a) {
			s.listenAddr = a
		}
		sockets = append(sockets, s)
	}
	t.sockets.Store(&sockets)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, addrs...)
	t.sources = append(t.sources, ref)
}

// close returns what is to be removed and given up.
func (t *addressTable) close() (paths []sockaddr.BoundPath, sources []sourceRef) {
	t.mu.Lock()
	defer t.mu.Unlock()
	paths, sources = t.paths, t.sources
	t.paths, t.sources = nil, nil
	return paths, sources
}

// listenAddr is what connections accepted at the i-th socket have for their own
// address, nil when that differs or is not known.
func (l *listener) listenAddr(i int) net.Addr {
	if l == nil { // of a client's connection or a pair
		return nil
	}
	s, _ := l.addrs.socket(i)
	return s.listenAddr
}

// Listen starts to listen and returns the effective address. The network is
// "tcp", "tcp4", "tcp6", "unix" or "unixpacket"; the address is as for net.Listen, with port
// 0 for any free one, but that "tcp" with "0.0.0.0:port" is IPv4 only, where
// net.Listen takes IPv6 as well; ":port" and "[::]:port" are both families, as far
// as the system has them. It wraps g_socket_listener_add_address and may be
// called for several addresses.
//
// The address of a Unix socket is a path or an abstract name, which begins with
// "@" (or a zero byte) and may have zero bytes in it: C programs often pad it
// with them to 108. A Unix path to which no socket is bound any more is
// replaced; of several that try so at the same moment, in whatever
// processes, one succeeds. One that a live server has is EADDRINUSE, and the
// server does not notice; anything else at that path is left alone and is an
// error. So is a file that somebody puts in the place of the new socket.
// Replacing a path takes some milliseconds, up to two seconds while other programs
// lock its directory; the loop goes on unless Listen was called on its thread.
//
// Errors are *net.OpError. Name resolution may block; it never holds the loop.
func (l *SocketListener) Listen(network, address string) (net.Addr, error) {
	return l.ListenSource(network, address, nil)
}

// ListenSource is Listen with a source: the connections that are accepted there carry
// it, any Go value, which comes back as the same value (the source_object of
// g_socket_listener_add_address).
func (l *SocketListener) ListenSource(network, address string, source any) (net.Addr, error) {
	addr, v6only, err := sockaddr.Resolve(network, address)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			return nil, err
		}
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	return l.l.addAddress(addr, network, v6only, source)
}

// AddAddress listens on a *net.TCPAddr (no IP address: every one of both families;
// port 0: any) or *net.UnixAddr (of "unixpacket" if its Net says so), as Listen does, and returns the effective address
// (g_socket_listener_add_address). The connections that are accepted there
// carry source: any Go value, which comes back as the same value.
func (l *SocketListener) AddAddress(addr net.Addr, source any) (net.Addr, error) {
	return l.l.addAddress(sockaddr.OfAnyFamily(addr), "", false, source)
}

func (l *listener) addAddress(addr net.Addr, network string, v6only bool, source any) (net.Addr, error) {
	sa, err := sockaddr.Encode(addr)
	if err != nil {
		return nil, listenError(nil, networkName(addr, network), err)
	}
	got, err := l.bind(addr, sa, v6only, source)
	if path := sockaddr.Path(addr); path != "" && errors.Is(err, syscall.EADDRINUSE) {
		// Not on the loop: it waits a little.
		if err = sockaddr.ReplaceStale(path, err); err == nil {
			got, err = l.bind(addr, sa, v6only, source)
		}
	}
	switch {
	case err != nil:
		return nil, listenError(addr, networkName(addr, network), err)
	case len(got) == 0:
		return addr, nil
	}
	return got[0], nil
}

// bind is one try to listen at an address.
func (l *listener) bind(addr net.Addr, sa []byte, v6only bool, source any) ([]net.Addr, error) {
	return l.add(addr, source, false, func(source sourceRef) (native.Added, error) {
		got, err := l.native.AddAddress(sa, sockaddr.IsSeqpacket(addr), l.multipath(addr), v6only, l.cfg.unixMode(), source.ptr)
		if err == nil {
			if p, ok := sockaddr.NewBoundPath(sockaddr.Path(addr), got.Dev, got.Ino); ok {
				l.addrs.addPath(p)
			}
		}
		return got, err
	})
}

func networkName(addr net.Addr, network string) string {
	if network != "" {
		return network
	}
	switch a := addr.(type) { // a nil pointer inside has no Network method
	case nil:
		return ""
	case *net.TCPAddr:
		return "tcp"
	case *net.UnixAddr:
		if sockaddr.IsSeqpacket(a) {
			return "unixpacket"
		}
		return "unix"
	}
	return addr.Network()
}

// add runs one of GIO's add functions on the loop's thread and returns the
// addresses that it brought.
func (l *listener) add(addr net.Addr, source any, shared bool, f func(source sourceRef) (native.Added, error)) ([]net.Addr, error) {
	ref := takeSource(source)
	var got []net.Addr
	err := l.call(func() (err error) {
		got, err = l.addOnLoop(addr, ref, shared, f)
		return err
	})
	if err != nil {
		ref.release()
	}
	return got, err
}

// addOnLoop may be called in the middle of itself: a handler of "event" may add
// another address.
func (l *listener) addOnLoop(addr net.Addr, ref sourceRef, shared bool, f func(source sourceRef) (native.Added, error)) ([]net.Addr, error) {
	if l.life.closed.Load() {
		return nil, l.closedError()
	}
	if err := l.tls.failed(); err != nil {
		return nil, err
	}
	if l.tls != nil && sockaddr.IsSeqpacket(addr) {
		return nil, errPacketTLS
	}
	outer := l.addrs.setAdding(addr)
	defer l.addrs.setAdding(outer)
	added, err := f(ref)
	if err != nil {
		return nil, err
	}
	got := l.socketAddrs(added.First, added.Count, addr)
	l.addrs.add(added.First, got, ref, shared)
	if l.kind != native.KindListener {
		l.updateNow()
	}
	return got, nil
}

// socketAddrs are the addresses of sockets that were added. Where the kernel does not
// tell, it is what was asked for, never a nil one.
func (l *listener) socketAddrs(first, count int, asked net.Addr) []net.Addr {
	got := make([]net.Addr, count)
	for i := range got {
		for tries := 0; got[i] == nil && tries < 10; tries++ {
			got[i] = l.native.SocketAddr(first + i)
		}
		if got[i] == nil {
			got[i] = asked
		}
	}
	return got
}

// OthersAdded enters what other code that has the GObject has added.
func (l *listener) OthersAdded(first, count int) {
	l.addrs.add(first, l.socketAddrs(first, count, &net.UnixAddr{Net: "unix"}), sourceRef{}, true)
}

// AddInetPort listens on a TCP port of every address of the machine, IPv6 and
// IPv4 (g_socket_listener_add_inet_port). Port 0 is an error: see
// AddAnyInetPort.
func (l *SocketListener) AddInetPort(port uint16, source any) error {
	if port == 0 {
		return listenError(nil, "tcp", errors.New("port 0: use AddAnyInetPort for any free port"))
	}
	_, err := l.l.addInetPort(port, source)
	return err
}

// AddAnyInetPort listens on a free TCP port of every address of the machine
// and returns it (g_socket_listener_add_any_inet_port).
func (l *SocketListener) AddAnyInetPort(source any) (uint16, error) {
	return l.l.addInetPort(0, source)
}

func (l *listener) addInetPort(port uint16, source any) (uint16, error) {
	addr := &net.TCPAddr{IP: net.IPv6unspecified, Port: int(port)}
	if l.multipath(addr) { // GIO's own function has no protocol
		got, err := l.addAddress(sockaddr.OfAnyFamily(addr), "tcp", false, source)
		if err != nil {
			return 0, err
		}
		return uint16(got.(*net.TCPAddr).Port), nil
	}
	_, err := l.add(addr, source, false, func(source sourceRef) (got native.Added, err error) {
		port, got, err = l.native.AddInetPort(port, source.ptr)
		return got, err
	})
	if err != nil {
		return 0, listenError(addr, "tcp", err)
	}
	return port, nil
}

// Addrs returns the addresses in the order in which they were added, also of what
// other code has added to the GObject (Gotk4, C), which GIO itself tells nobody. It does
// not show what that has added as a socket of its own making
// (g_socket_listener_add_socket), of which there is no event.
func (l *SocketListener) Addrs() []net.Addr {
	t := &l.l.addrs
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]net.Addr(nil), t.all...)
}
