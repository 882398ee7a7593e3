package gio

import (
	"context"
	"errors"
	"net"
	"runtime"
	"unsafe"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sockaddr"
)

// Connect connects to whatever GIO can connect to; it wraps
// g_socket_client_connect_async. to is a GNetworkAddress, a GNetworkService, a
// GInetSocketAddress, a GUnixSocketAddress, a GProxyAddress, or of a class that a
// program has written: its addresses are asked for on the loop's thread. The client
// keeps a reference as long as it needs one.
//
// With ClientConfig.TLS the server's certificate must be for what GIO would check it
// against: the host name of a GNetworkAddress, the domain of a GNetworkService, the
// address of a GInetSocketAddress, the destination of a GProxyAddress. For any other
// ClientTLSConfig.ServerName is needed. Otherwise it is as Dial.
func (c *SocketClient) Connect(ctx context.Context, to gotkgio.SocketConnectabler) (*SocketConnection, error) {
	defer runtime.KeepAlive(to)
	t := &dialTarget{kind: native.DialConnectable, family: native.FamilyOfClient, network: c.c.network}
	address := gobjectOf(to)
	if address == 0 {
		return nil, c.c.opError(t, errors.New("connect to a nil GSocketConnectable"))
	}
	t.object = *(*unsafe.Pointer)(unsafe.Pointer(&address)) // C memory: nothing moves
	info := native.ConnectableInfo(t.object)
	t.text, t.identity, t.host, t.port = info.Text, info.Identity, info.Identity, info.Port
	host := t.host
	if info.Proxied {
		host = "" // that of the proxy's address is what the proxy is asked for
	} else if addr := sockaddr.Decode(info.Address); addr != nil {
		t.addr = addr
		if _, isUnix := addr.(*net.UnixAddr); isUnix {
			t.network, t.family = "unix", 0
		}
	}
	return c.connect(ctx, t, host, "")
}
