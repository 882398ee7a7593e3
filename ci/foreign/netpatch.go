package main

import "path/filepath"

// netChanges make package net ask the hooks of overlay/net for listeners and connections, and leave to
// these what is called of a *TCPListener, *TCPConn and the like. Each is a function of package net and
// what comes before its own first line.
//
// What a Control function, a local address, a resolver of the caller's own or other keep-alive than by
// default is for, package net does. Tests of net/http have names resolved by a function in the context,
// which GIO's resolver does not ask: these dial by package net as well.
var netChanges = []struct{ file, function, first string }{
	{"dial.go", "func (lc *ListenConfig) Listen(ctx context.Context, network, address string) (Listener, error) {", `
	if lc.Control == nil && lc.KeepAlive == 0 && !lc.KeepAliveConfig.Enable {
		if ln, err := foreignListen(ctx, network, address); ln != nil || err != nil {
			return ln, err
		}
	}`},
	{"dial.go", `func (d *Dialer) DialContext(ctx context.Context, network, address string) (Conn, error) {
	ctx, cancel := d.dialCtx(ctx)
	defer cancel()`, `
	if d.Control == nil && d.ControlContext == nil && d.LocalAddr == nil && d.Resolver == nil && d.KeepAlive == 0 && !d.KeepAliveConfig.Enable &&
		ctx.Value(nettrace.LookupIPAltResolverKey{}) == nil {
		if c, err := foreignDial(ctx, network, address); c != nil || err != nil {
			return c, err
		}
	}`},
	{"tcpsock.go", "func ListenTCP(network string, laddr *TCPAddr) (*TCPListener, error) {", `
	if laddr == nil {
		laddr = &TCPAddr{}
	}
	if ln, err := foreignListen(context.Background(), network, laddr.String()); ln != nil || err != nil {
		l, _ := ln.(*TCPListener)
		return l, err
	}`},
	{"tcpsock.go", "func dialTCP(ctx context.Context, dialer *Dialer, network string, laddr, raddr *TCPAddr) (*TCPConn, error) {", `
	if dialer == nil && laddr == nil && raddr != nil {
		if c, err := foreignDial(ctx, network, raddr.String()); c != nil || err != nil {
			tc, _ := c.(*TCPConn)
			return tc, err
		}
	}`},
	{"unixsock.go", "func ListenUnix(network string, laddr *UnixAddr) (*UnixListener, error) {", `
	if laddr != nil {
		if ln, err := foreignListen(context.Background(), network, laddr.String()); ln != nil || err != nil {
			l, _ := ln.(*UnixListener)
			return l, err
		}
	}`},
	{"unixsock.go", "func dialUnix(ctx context.Context, dialer *Dialer, network string, laddr, raddr *UnixAddr) (*UnixConn, error) {", `
	if dialer == nil && laddr == nil && raddr != nil {
		if c, err := foreignDial(ctx, network, raddr.String()); c != nil || err != nil {
			uc, _ := c.(*UnixConn)
			return uc, err
		}
	}`},

	{"fd_posix.go", "type netFD struct {", "\n\tforeign *foreignFD"},
	{"fd_posix.go", "func (fd *netFD) Close() error {", toForeign("close()")},
	{"fd_posix.go", "func (fd *netFD) shutdown(how int) error {", toForeign("shutdown(how)")},
	{"fd_posix.go", "func (fd *netFD) Read(p []byte) (n int, err error) {", toForeign("read(p)")},
	{"fd_posix.go", "func (fd *netFD) Write(p []byte) (nn int, err error) {", toForeign("write(p)")},
	{"fd_posix.go", "func (fd *netFD) SetDeadline(t time.Time) error {", toForeign("setDeadline(t, Conn.SetDeadline)")},
	{"fd_posix.go", "func (fd *netFD) SetReadDeadline(t time.Time) error {", toForeign("setDeadline(t, Conn.SetReadDeadline)")},
	{"fd_posix.go", "func (fd *netFD) SetWriteDeadline(t time.Time) error {", toForeign("setDeadline(t, Conn.SetWriteDeadline)")},
	{"fd_unix.go", "func (fd *netFD) accept() (netfd *netFD, err error) {", toForeign("accept()")},
	{"fd_unix.go", "func (fd *netFD) dup() (f *os.File, err error) {", toForeign("dup()")},
	{"writev_unix.go", "func (fd *netFD) writeBuffers(v *Buffers) (n int64, err error) {", toForeign("writeBuffers(v)")},

	{"tcpsock_posix.go", "func (c *TCPConn) readFrom(r io.Reader) (int64, error) {", `
	if c.fd.foreign != nil {
		return c.fd.foreign.readFrom(r)
	}`},
	{"tcpsock_posix.go", "func (c *TCPConn) writeTo(w io.Writer) (int64, error) {", `
	if c.fd.foreign != nil {
		return genericWriteTo(c, w)
	}`},
	{"mptcpsock_linux.go", "func isUsingMultipathTCP(fd *netFD) bool {", toForeign("isMultipathTCP()")},
	{"splice_linux.go", `	default:
		return 0, nil, false
	}
`, `
	if s.foreign != nil {
		return 0, nil, false
	}`},
	{"splice_linux.go", "	uc, ok := w.(*UnixConn)", `
	if ok && uc.fd.foreign != nil {
		return 0, nil, false
	}`},

	{"tcpsockopt_posix.go", "func setNoDelay(fd *netFD, noDelay bool) error {", toForeign("setNoDelay(noDelay)")},
	{"sockopt_posix.go", "func setKeepAlive(fd *netFD, keepalive bool) error {", toForeign("setKeepAlive(keepalive)")},
	{"sockopt_posix.go", "func setLinger(fd *netFD, sec int) error {", toForeign("setLinger(sec)")},
	{"sockopt_posix.go", "func setReadBuffer(fd *netFD, bytes int) error {", toForeign("setsockoptInt(syscall.SOL_SOCKET, syscall.SO_RCVBUF, bytes)")},
	{"sockopt_posix.go", "func setWriteBuffer(fd *netFD, bytes int) error {", toForeign("setsockoptInt(syscall.SOL_SOCKET, syscall.SO_SNDBUF, bytes)")},
	{"tcpsockopt_unix.go", `		d = defaultTCPKeepAliveIdle
	} else if d < 0 {
		return nil
	}
`, toForeign("setsockoptInt(syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, int(roundDurationUp(d, time.Second)))")},
	{"tcpsockopt_unix.go", `		d = defaultTCPKeepAliveInterval
	} else if d < 0 {
		return nil
	}
`, toForeign("setsockoptInt(syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, int(roundDurationUp(d, time.Second)))")},
	{"tcpsockopt_unix.go", `		n = defaultTCPKeepAliveCount
	} else if n < 0 {
		return nil
	}
`, toForeign("setsockoptInt(syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, n)")},

	{"tcpsock.go", `func (c *TCPConn) SyscallConn() (syscall.RawConn, error) {
	if !c.ok() {
		return nil, syscall.EINVAL
	}`, rawOfForeign},
	{"unixsock.go", `func (c *UnixConn) SyscallConn() (syscall.RawConn, error) {
	if !c.ok() {
		return nil, syscall.EINVAL
	}`, rawOfForeign},
}

const rawOfForeign = `
	if c.fd.foreign != nil {
		return c.fd.foreign.conn.(syscall.Conn).SyscallConn()
	}`

// toForeign has a function of a netFD that is a foreign one return what its foreign one does.
func toForeign(call string) string {
	return "\n\tif fd.foreign != nil {\n\t\treturn fd.foreign." + call + "\n\t}"
}

// patchNet changes package net in dir.
func patchNet(dir string) error {
	if err := writeOverlay("overlay/net/foreign.go", filepath.Join(dir, "foreign.go")); err != nil {
		return err
	}
	for _, n := range netChanges {
		c := change{n.file, n.function, n.function + n.first}
		if err := c.apply(dir); err != nil {
			return err
		}
	}
	return nil
}
