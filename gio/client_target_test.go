package gio_test

import (
	"fmt"
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/fakedns"
)

func TestDialReadsAddressesAsPackageNetDoes(t *testing.T) {
	dns := fakedns.Install()
	defer dns.Restore()
	dns.Host("four.test", "127.0.0.1")
	addr := dialEchoServer(t, "tcp", ":0")
	port := strconv.Itoa(int(tcpPort(addr)))
	client := newClient(t, nil)
	for _, tt := range []struct{ network, host, remote string }{
		{"tcp", "127.0.0.1", "127.0.0.1"},
		{"tcp", "[::1]", "::1"},
		{"tcp4", "127.0.0.1", "127.0.0.1"},
		{"tcp6", "[::1]", "::1"},
		{"tcp6", "[::1%lo]", "::1"},
		{"tcp", "four.test", "127.0.0.1"},
		{"tcp4", "localhost", "127.0.0.1"},
		{"tcp6", "localhost", "::1"},
		{"tcp4", "", "127.0.0.1"},
		{"tcp6", "", "::1"},
	} {
		t.Run(tt.network+" "+tt.host, func(t *testing.T) {
			c, err := client.Dial(t.Context(), tt.network, tt.host+":"+port)
			require.NoError(t, err)
			require.Equal(t, tt.remote, c.RemoteAddr().(*net.TCPAddr).IP.String())
			requireEcho(t, c)
		})
	}
	c, err := client.Dial(t.Context(), "tcp", ":"+port)
	require.NoError(t, err)
	require.True(t, c.RemoteAddr().(*net.TCPAddr).IP.IsLoopback())
	requireEcho(t, c)
}

func TestDialTriesTheAddressesOfANameUntilOneAnswers(t *testing.T) {
	dns := fakedns.Install()
	defer dns.Restore()
	dns.Host("several.test", "::1", "127.0.0.2", "127.0.0.1")
	addr := dialEchoServer(t, "tcp4", "127.0.0.1:0")
	c, err := newClient(t, nil).Dial(t.Context(), "tcp", "several.test:"+strconv.Itoa(int(tcpPort(addr))))
	require.NoError(t, err)
	require.Equal(t, addr.String(), c.RemoteAddr().String())
	requireEcho(t, c)
}

func TestDialOfOneFamilyIgnoresTheOthersAddresses(t *testing.T) {
	dns := fakedns.Install()
	defer dns.Restore()
	dns.Host("both.test", "::1", "127.0.0.1")
	addr := dialEchoServer(t, "tcp", ":0")
	both := "both.test:" + strconv.Itoa(int(tcpPort(addr)))
	for network, remote := range map[string]string{"tcp4": "127.0.0.1", "tcp6": "::1"} {
		t.Run(network, func(t *testing.T) {
			c, err := newClient(t, nil).Dial(t.Context(), network, both)
			require.NoError(t, err)
			require.Equal(t, remote, c.RemoteAddr().(*net.TCPAddr).IP.String())
			requireEcho(t, c)
		})
		t.Run(network+" of the client", func(t *testing.T) {
			client := newClient(t, &gio.ClientConfig{Network: network})
			c, err := client.Dial(t.Context(), "tcp", both)
			require.NoError(t, err)
			require.Equal(t, remote, c.RemoteAddr().(*net.TCPAddr).IP.String())
			requireEcho(t, c)
			c, err = client.ConnectToHost(t.Context(), both, 0)
			require.NoError(t, err)
			require.Equal(t, remote, c.RemoteAddr().(*net.TCPAddr).IP.String())
			requireEcho(t, c)
		})
	}
}

func TestConnectToHostReadsGIOsNotation(t *testing.T) {
	addr := dialEchoServer(t, "tcp", ":0")
	port := tcpPort(addr)
	client := newClient(t, nil)
	for _, tt := range []struct {
		host   string
		port   uint16
		remote string
	}{
		{fmt.Sprintf("127.0.0.1:%d", port), 0, "127.0.0.1"},
		{fmt.Sprintf("127.0.0.1:%d", port), 1, "127.0.0.1"},
		{"127.0.0.1", port, "127.0.0.1"},
		{fmt.Sprintf("[::1]:%d", port), 0, "::1"},
		{"[::1]", port, "::1"},
		{"::1", port, "::1"},
	} {
		t.Run(tt.host, func(t *testing.T) {
			c, err := client.ConnectToHost(t.Context(), tt.host, tt.port)
			require.NoError(t, err)
			require.Equal(t, tt.remote, c.RemoteAddr().(*net.TCPAddr).IP.String())
			requireEcho(t, c)
		})
	}
}

func TestConnectToURITakesHostAndPort(t *testing.T) {
	addr := dialEchoServer(t, "tcp", ":0")
	port := tcpPort(addr)
	client := newClient(t, nil)
	for _, tt := range []struct {
		uri    string
		port   uint16
		remote string
	}{
		{fmt.Sprintf("http://127.0.0.1:%d/path?query", port), 80, "127.0.0.1"},
		{fmt.Sprintf("other://user@[::1]:%d", port), 0, "::1"},
		{"other://127.0.0.1/", port, "127.0.0.1"},
	} {
		t.Run(tt.uri, func(t *testing.T) {
			c, err := client.ConnectToURI(t.Context(), tt.uri, tt.port)
			require.NoError(t, err)
			require.Equal(t, tt.remote, c.RemoteAddr().(*net.TCPAddr).IP.String())
			requireEcho(t, c)
		})
	}
}

func TestConnectToServiceFollowsSRVRecords(t *testing.T) {
	dns := fakedns.Install()
	defer dns.Restore()
	addr := dialEchoServer(t, "tcp4", "127.0.0.1:0")
	dns.Host("down.test", "127.0.0.2")
	dns.Host("up.test", "127.0.0.1")
	dns.Service("_echo._tcp.example.test", "down.test", int(tcpPort(addr)))
	dns.Service("_echo._tcp.example.test", "up.test", int(tcpPort(addr)))
	c, err := newClient(t, nil).ConnectToService(t.Context(), "example.test", "echo")
	require.NoError(t, err)
	require.Equal(t, addr.String(), c.RemoteAddr().String())
	requireEcho(t, c)
}
