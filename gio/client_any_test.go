package gio_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/giotest"
)

// toAny are the ways to connect to a port of "every address", as Listen returns it.
func toAny(client *gio.SocketClient, port uint16) map[string]func(context.Context) (*gio.SocketConnection, error) {
	address := net.JoinHostPort("::", strconv.Itoa(int(port)))
	host := func(s string, port uint16) func(context.Context) (*gio.SocketConnection, error) {
		return func(ctx context.Context) (*gio.SocketConnection, error) { return client.ConnectToHost(ctx, s, port) }
	}
	uri := func(s string, port uint16) func(context.Context) (*gio.SocketConnection, error) {
		return func(ctx context.Context) (*gio.SocketConnection, error) { return client.ConnectToURI(ctx, s, port) }
	}
	return map[string]func(context.Context) (*gio.SocketConnection, error){
		"Dial":                 func(ctx context.Context) (*gio.SocketConnection, error) { return client.Dial(ctx, "tcp", address) },
		"ConnectToHost":        host(address, 1),
		"ConnectToHost [::]":   host("[::]", port),
		"ConnectToHost ::":     host("::", port),
		"ConnectToHost 0:0::0": host("0:0::0", port),
		"ConnectToURI":         uri("http://"+address+"/", 1),
		"ConnectToURI, alone":  uri("http://[::]", port),
	}
}

func dialAny(ctx context.Context, client *gio.SocketClient, port uint16) (err error) {
	for how, connect := range toAny(client, port) {
		c, cerr := connect(ctx)
		if cerr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", how, cerr))
			continue
		}
		_ = c.Close()
	}
	return err
}

func TestAnyAddressIsReachedOverEitherFamily(t *testing.T) {
	four := tcpPort(dialEchoServer(t, "tcp4", "127.0.0.1:0"))
	both := newClient(t, nil)
	for name, client := range map[string]*gio.SocketClient{
		"both":   both,
		"tcp4":   newClient(t, &gio.ClientConfig{Network: "tcp4"}),
		"direct": newClient(t, &gio.ClientConfig{DisableProxy: true}),
	} {
		require.NoError(t, dialAny(t.Context(), client, four), name)
	}
	c, err := both.Dial(t.Context(), "tcp4", fmt.Sprintf("[::]:%d", four))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	if !hasIPv6() {
		return
	}
	_, err = both.Dial(t.Context(), "tcp6", fmt.Sprintf("[::]:%d", four))
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	six := tcpPort(dialEchoServer(t, "tcp6", "[::1]:0"))
	require.NoError(t, dialAny(t.Context(), both, six))
	require.NoError(t, dialAny(t.Context(), newClient(t, &gio.ClientConfig{Network: "tcp6"}), six))
	_, err = both.Dial(t.Context(), "tcp4", fmt.Sprintf("[::]:%d", six))
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.ErrorContains(t, err, "127.0.0.1")
}

func TestAnyAddressThatNobodyAnswersIsNamed(t *testing.T) {
	client := newClient(t, nil)
	_, port, err := net.SplitHostPort(refusedPort(t))
	require.NoError(t, err)
	n, err := strconv.Atoi(port)
	require.NoError(t, err)
	for how, connect := range toAny(client, uint16(n)) {
		_, err := connect(t.Context())
		require.ErrorIs(t, err, syscall.ECONNREFUSED, how)
		require.ErrorContains(t, err, "::", how)
	}
	_, err = client.ConnectToHost(t.Context(), "[::]:nosuch", 1)
	require.Error(t, err)
}

func init() {
	// ipv6 off: in a network namespace where no interface has an IPv6 address.
	helpers["ipv6 off"] = func([]string) error {
		if err := errors.Join(loopbackUp(), os.WriteFile("/proc/sys/net/ipv6/conf/all/disable_ipv6", []byte("1"), 0)); err != nil {
			return err
		}
		return serveAny()
	}
	// one family: the other is refused by the kernel, as under systemd's
	// RestrictAddressFamilies or with ipv6.disable=1.
	helpers["one family"] = func(args []string) error {
		family, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		if err := refuseFamily(family); err != nil {
			return err
		}
		return serveAny()
	}
}

// serveAny listens at every address that there is, in every way, and connects.
func serveAny() error {
	svc := gio.NewSocketService(nil)
	defer svc.Close()
	go func() { _ = svc.Serve(context.Background(), gio.HandlerFunc(echo)) }()
	client := gio.NewSocketClient(nil)
	defer client.Close()
	port, err := svc.AddAnyInetPort(nil)
	if err != nil {
		return fmt.Errorf("AddAnyInetPort: %w", err)
	}
	if err := dialAny(context.Background(), client, port); err != nil {
		return err
	}
	for how, add := range map[string]func() (net.Addr, error){
		"Listen":           func() (net.Addr, error) { return svc.Listen("tcp", ":0") },
		"Listen [::]":      func() (net.Addr, error) { return svc.Listen("tcp", "[::]:0") },
		"AddAddress":       func() (net.Addr, error) { return svc.AddAddress(&net.TCPAddr{}, nil) },
		"AddAddress empty": func() (net.Addr, error) { return svc.AddAddress(&net.TCPAddr{IP: net.IP{}}, nil) },
		"AddAddress ::":    func() (net.Addr, error) { return svc.AddAddress(&net.TCPAddr{IP: net.IPv6unspecified}, nil) },
	} {
		addr, err := add()
		if err != nil {
			return fmt.Errorf("%s: %w", how, err)
		}
		c, err := client.Dial(context.Background(), "tcp", addr.String())
		if err != nil {
			return fmt.Errorf("%s: %w", how, err)
		}
		_ = c.Close()
		if addr.(*net.TCPAddr).IP.To4() == nil { // else it was asked for above
			if err := dialAny(context.Background(), client, tcpPort(addr)); err != nil {
				return fmt.Errorf("%s: %w", how, err)
			}
		}
	}
	return nil
}

func TestEveryAddressWithoutIPv6Addresses(t *testing.T) {
	needIPv6(t)
	cmd := helper(t, "ipv6 off")
	cmd.SysProcAttr = newNetwork()
	out, err := cmd.CombinedOutput()
	giotest.SkipWithoutNamespaces(t, err)
	require.NoError(t, err, string(out))
}

func TestEveryAddressWithOneFamily(t *testing.T) {
	giotest.NeedSeccomp(t)
	mustRun(t, helper(t, "one family", strconv.Itoa(syscall.AF_INET6)))
	if hasIPv6() {
		mustRun(t, helper(t, "one family", strconv.Itoa(syscall.AF_INET)))
	}
}

// A local address without an IP address, or with one that is any, is its port.
func TestLocalAddressOfAnyFamily(t *testing.T) {
	servers := []string{dialEchoServer(t, "tcp4", "127.0.0.1:0").String()}
	if hasIPv6() {
		servers = append(servers, dialEchoServer(t, "tcp6", "[::1]:0").String())
	}
	servers = append(servers, fmt.Sprintf("localhost:%d", tcpPort(dialEchoServer(t, "tcp4", "127.0.0.1:0"))))
	for _, ip := range []net.IP{nil, net.IPv4zero, net.IPv6unspecified} {
		for _, server := range servers {
			for _, port := range []int{0, int(freePort(t))} {
				local := &net.TCPAddr{IP: ip, Port: port}
				_, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: ip}}).Dial("tcp", server)
				require.NoError(t, err, "package net")
				client := newClient(t, &gio.ClientConfig{LocalAddr: local, DisableProxy: true})
				c, err := client.Dial(t.Context(), "tcp", server)
				require.NoError(t, err, "from %v to %s", local, server)
				if port != 0 {
					require.Equal(t, port, int(tcpPort(c.LocalAddr())))
				}
				requireEcho(t, c)
			}
		}
	}
}

func TestLocalPortThatIsTakenIsAnError(t *testing.T) {
	server := dialEchoServer(t, "tcp4", "127.0.0.1:0")
	taken := dialEchoServer(t, "tcp", ":0").(*net.TCPAddr).Port
	client := newClient(t, &gio.ClientConfig{LocalAddr: &net.TCPAddr{Port: taken}})
	for range 2 {
		_, err := client.Dial(t.Context(), "tcp", server.String())
		requireOpError(t, err, "dial", "tcp", syscall.EADDRINUSE)
	}
	requireNoDials(t)
}

func TestEventsOfADialFromALocalPort(t *testing.T) {
	server := dialEchoServer(t, "tcp4", "127.0.0.1:0")
	client := newClient(t, &gio.ClientConfig{LocalAddr: &net.TCPAddr{Port: int(freePort(t))}, DisableProxy: true})
	var r eventRecorder
	client.ConnectEvent(r.add)
	c, err := client.Dial(t.Context(), "tcp", server.String())
	require.NoError(t, err)
	require.NoError(t, c.Close())
	var events []gio.ClientEvent
	for _, e := range r.take() {
		events = append(events, e.event)
	}
	require.Equal(t, []gio.ClientEvent{gio.ClientResolving, gio.ClientResolved, gio.ClientConnecting, gio.ClientConnected, gio.ClientComplete}, events)
	requireNoDials(t)
}
