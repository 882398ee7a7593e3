package gio

import (
	"net"
	"runtime"

	"github.com/glibserve/glibserve/gio/internal/sockaddr"
	"github.com/glibserve/glibserve/gio/internal/sys"
)

// MultipathTCP tells whether the connection speaks Multipath TCP, as
// net.TCPConn.MultipathTCP does: false where the peer or the network does not, and the
// kernel has fallen back to TCP. (Linux tells that since 5.16; before, true means no
// more than that the socket was made for it.) On a Unix socket it is false. It does not
// block.
func (sc *SocketConnection) MultipathTCP() (is bool, err error) {
	defer runtime.KeepAlive(sc)
	var serr error
	err = sc.c.fd.Control(func(fd int) { is, serr = sys.IsMultipathTCP(fd) })
	if err == nil {
		err = serr
	}
	if err != nil {
		return false, sc.c.opError("get", err)
	}
	return is, nil
}

// multipath tells whether a socket for addr is to be one of Multipath TCP.
func (l *listener) multipath(addr net.Addr) bool {
	return l.cfg.MultipathTCP && !sockaddr.IsUnix(addr.Network()) && sys.HasMultipathTCP()
}
