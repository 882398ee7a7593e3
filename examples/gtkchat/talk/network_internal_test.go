package talk

// Not an external test: its connections are to other machines, and there are none.

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/listen"
)

// farConn is a connection to another machine.
type farConn struct {
	net.Conn
	local, remote *net.TCPAddr
}

func (c farConn) LocalAddr() net.Addr  { return c.local }
func (c farConn) RemoteAddr() net.Addr { return c.remote }

func TestAGuestKnowsWhenThereIsNoWayToTheServer(t *testing.T) {
	const here = "192.0.2.1"
	for server, needsAWay := range map[string]bool{"192.0.2.77": false, "198.51.100.1": true} {
		guest := newJoined(listen.Address{}, farConn{
			local:  &net.TCPAddr{IP: net.ParseIP(here), Port: 1},
			remote: &net.TCPAddr{IP: net.ParseIP(server), Port: 2},
		})
		network := []netip.Prefix{netip.MustParsePrefix(here + "/24")}
		require.Empty(t, guest.Offline(Network{Available: true, Addresses: network}))
		says := guest.Offline(Network{Addresses: network})
		require.Equal(t, needsAWay, says == "No network: there is no way to the server now. The conversation goes on when it is back.", says)
		require.Equal(t, !needsAWay, says == "")
	}
}
