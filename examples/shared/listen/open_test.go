package listen_test

import (
	"bytes"
	"fmt"
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/listen"
)

// netListener listens with package net, so that this package is tested by
// itself.
type netListener struct{ t *testing.T }

func (l netListener) Listen(network, address string) (net.Addr, error) {
	ln, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	l.t.Cleanup(func() { ln.Close() })
	return ln.Addr(), nil
}

func TestAnnounceGivesTheEffectiveAddress(t *testing.T) {
	path := t.TempDir() + "/s"
	f, err := parseFlags("-listen", "tcp:127.0.0.1:0", "-listen", "unix:"+path, "-listen", "unix:@glibserve-announce")
	require.NoError(t, err)
	addrs, err := listen.Open(netListener{t}, f.Addresses())
	require.NoError(t, err)

	var out bytes.Buffer
	require.NoError(t, listen.Announce(&out, addrs))
	require.Equal(t, fmt.Sprintf("listening on tcp %s\nlistening on unix %s\nlistening on unix @glibserve-announce\n", addrs[0], path), out.String())
	require.NotContains(t, out.String(), ":0\n")
}

func TestOpenExplainsWhatPeopleMeet(t *testing.T) {
	l := netListener{t}
	taken, err := l.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	for _, c := range []struct{ in, reason string }{
		{"tcp:" + taken.String(), "another program is already listening there"},
		{"tcp:192.0.2.1:9000", "this machine has no such address"}, // TEST-NET-1: nobody has it
		{"unix:" + t.TempDir() + "/no/s", "the folder of that path does not exist"},
		{"unix:/dev/null", "there is something at that path that is not a socket"},
		{"unix:" + t.TempDir(), "there is something at that path that is not a socket"},
		{"unix:/dev/null/s", "a part of that path is not a folder"},
	} {
		address, err := listen.Parse(c.in)
		require.NoError(t, err)
		_, err = listen.Open(l, []listen.Address{address})
		require.ErrorContains(t, err, "cannot listen on "+address.Network+" "+address.Address+": "+c.reason)
	}
}

func TestOpenKeepsTheCause(t *testing.T) {
	err := error(&listen.Error{Address: listen.Address{Network: "tcp", Address: "127.0.0.1:80"}, Err: syscall.EACCES})
	require.ErrorIs(t, err, syscall.EACCES)
	require.ErrorContains(t, err, "ports below 1024")
	err = &listen.Error{Address: listen.Address{Network: "unix", Address: "/s"}, Err: syscall.EACCES}
	require.ErrorContains(t, err, "a folder that you may write to")
	err = &listen.Error{Address: listen.Address{Network: "unix", Address: "/s"}, Err: syscall.EIO}
	require.ErrorContains(t, err, syscall.EIO.Error())
}
