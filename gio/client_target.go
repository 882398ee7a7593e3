package gio

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"unicode/utf8"
	"unsafe"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sockaddr"
)

// dialTarget is what to connect to, in the form that C takes.
type dialTarget struct {
	kind   int
	family int    // AF_*, 0 for any, native.FamilyOfClient
	a, b   string // see native.DialNative and the others
	port   uint16
	object unsafe.Pointer // of native.DialConnectable, which its caller keeps alive
	trace  *dialTrace     // nil: none

	identity string // what a certificate must be for

	// For errors.
	network string
	addr    net.Addr // when it is known before GIO asks
	text    string   // what the caller wrote, when it is not
	host    string   // the name that is looked up
}

// A dialTarget as a net.Addr names what could not be resolved, or which of several
// addresses nobody answered.
func (t *dialTarget) Network() string { return t.network }
func (t *dialTarget) String() string  { return t.text }

func (t *dialTarget) netAddr() net.Addr {
	switch {
	case t == nil:
		return nil
	case t.addr != nil:
		return t.addr
	}
	return t
}

// parseTarget reads an address as package net does. The target is never nil.
func (c *client) parseTarget(ctx context.Context, network, address string) (*dialTarget, error) {
	t := &dialTarget{network: network, text: address, family: native.FamilyOfClient}
	switch network {
	case "unix", "unixpacket":
		addr := &net.UnixAddr{Name: address, Net: network}
		sa, err := sockaddr.EncodeUnix(addr)
		t.kind, t.a, t.addr, t.family = native.DialNative, string(sa), addr, 0
		return t, err
	case "tcp":
		network = c.network
	case "tcp4":
		t.family = syscall.AF_INET
	case "tcp6":
		t.family = syscall.AF_INET6
	default:
		return t, net.UnknownNetworkError(network)
	}
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return t, err
	}
	port, err := net.DefaultResolver.LookupPort(ctx, network, service)
	if err != nil {
		return t, err
	}
	t.port, t.host, t.identity = uint16(port), host, host
	if host == "" {
		t.identity = "localhost"
	}
	if host == "" || isAnyIPv6(host) {
		return t, t.aimAtLoopback(network)
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		t.kind, t.a = native.DialName, host
		return t, plainText(host)
	}
	addr := &net.TCPAddr{IP: ip.AsSlice(), Zone: ip.Zone(), Port: port}
	if is4 := addr.IP.To4() != nil; (network == "tcp4" && !is4) || (network == "tcp6" && is4) {
		return t, &net.AddrError{Err: "no suitable address", Addr: host}
	}
	return t, t.aimAt(addr)
}

func (t *dialTarget) aimAt(addr *net.TCPAddr) error {
	sa, err := sockaddr.EncodeTCP(addr)
	t.kind, t.a, t.addr = native.DialNative, string(sa), addr
	return err
}

// aimAtLoopback is this machine at the target's port, over each family that may be
// used: what listens at every address is perhaps there for one only.
func (t *dialTarget) aimAtLoopback(network string) error {
	switch network {
	case "tcp4":
		return t.aimAt(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(t.port)})
	case "tcp6":
		return t.aimAt(&net.TCPAddr{IP: net.IPv6loopback, Port: int(t.port)})
	}
	t.kind, t.a = native.DialLoopback, ""
	return nil
}

// aimAtAny is aimAtLoopback for a host that GIO would connect to over IPv6 alone. No
// port: the target's.
func (c *client) aimAtAny(ctx context.Context, t *dialTarget, port string) error {
	if port != "" {
		n, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
		if err != nil {
			return err
		}
		t.port = uint16(n)
	}
	return t.aimAtLoopback(c.network)
}

// isAnyIPv6 tells the address that a listener of both families has.
func isAnyIPv6(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip == netip.IPv6Unspecified()
}

// withoutSecrets returns what may be shown of a URI, and its host and port; no host when
// it cannot be read. A password or a token may stand anywhere else, also in what a
// parser's message would show.
func withoutSecrets(uri string) (text, host, port string) {
	scheme, rest, ok := strings.Cut(uri, "://")
	end := strings.IndexAny(rest+"/", "/?#")
	u, err := url.Parse(scheme + "://" + rest[strings.LastIndexByte(rest[:end], '@')+1:end])
	if !ok || err != nil || u.Host == "" {
		return "a URI", "", ""
	}
	if strings.IndexByte(rest[end:], '@') >= 0 {
		// Perhaps a password with a slash, of which the first half now is the port.
		return u.Scheme + "://...", u.Hostname(), u.Port()
	}
	return u.Scheme + "://" + u.Host, u.Hostname(), u.Port()
}

// errURI is for what has no host that a certificate could be checked against.
var errURI = errors.New("the URI cannot be read")

// uriError says what is wrong with a URI without showing it, as GLib's messages do.
func uriError(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return errURI // a zero byte, or invalid UTF-8
	}
	part := "URI"
	if parts := []string{"URI", "scheme", "user", "password", "parameters", "host", "port", "path", "query", "fragment"}; e.Domain == "g-uri-quark" && e.Code < len(parts) {
		part = parts[e.Code]
	}
	shown := *e
	shown.Message = "the " + part + " cannot be read" // the URI, its port and so on
	return &shown
}

// plainText refuses what cannot cross into C as a string, or would end early.
func plainText(s string) error {
	if strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
		return &net.AddrError{Err: "a zero byte or invalid UTF-8 in the name", Addr: s}
	}
	return nil
}

// check is what to know before any dial.
func (c *client) check(t *dialTarget) error {
	if c.wrong != nil {
		return c.wrong
	}
	if c.tls != nil && t.network == "unixpacket" {
		return errPacketTLS
	}
	if c.local != nil {
		if _, isUnix := c.local.(*net.UnixAddr); isUnix != sockaddr.IsUnix(t.network) {
			return &net.AddrError{Err: "mismatched local address type", Addr: c.local.String()}
		}
	}
	if t.kind != native.DialNative {
		if t.kind == native.DialURI && (t.host == "" || plainText(t.a) != nil) {
			return errURI
		}
		if err := plainText(t.a); err != nil {
			return err
		}
		return plainText(t.b)
	}
	return nil
}

// ErrProxy is what errors.Is finds when a proxy could not be used: it failed,
// wanted authentication, or does not allow the connection
// (G_IO_ERROR_PROXY_FAILED and the three after it, in Error.Code).
var ErrProxy = errors.New("gio: the proxy refused")

const (
	codeProxyFailed     = 40
	codeProxyNotAllowed = 43

	codeResolverNotFound  = 0
	codeResolverTemporary = 1
)

// opError is what every dial returns.
func (c *client) opError(t *dialTarget, err error) error {
	op := &net.OpError{Op: "dial", Net: t.network, Addr: t.netAddr(), Err: err}
	if c.local != nil {
		op.Source = c.local
	}
	e, ok := err.(*Error)
	if !ok {
		return op
	}
	if t.kind == native.DialURI && strings.Contains(e.Message, t.a) {
		op.Err = uriError(e)
		return op
	}
	switch {
	case e.Domain == "g-resolver-error-quark":
		op.Err = &net.DNSError{
			Err: e.Message, Name: t.host, UnwrapErr: e,
			IsNotFound:  e.Code == codeResolverNotFound,
			IsTemporary: e.Code == codeResolverTemporary,
		}
	case e.Domain == native.IODomain && e.Code >= codeProxyFailed && e.Code <= codeProxyNotAllowed:
		op.Err = both{e, ErrProxy}
	}
	return op
}

// both is an error that is another one, too.
type both struct{ err, is error }

func (b both) Error() string   { return b.err.Error() }
func (b both) Unwrap() []error { return []error{b.err, b.is} }
func (b both) Timeout() bool {
	t, ok := b.err.(interface{ Timeout() bool })
	return ok && t.Timeout()
}

// contextError is the cause of a ctx that is done, and its plain error.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return both{cause, err}
}
