package gio_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	coreglib "github.com/diamondburned/gotk4/pkg/core/glib"
	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/sockaddr"
	"github.com/glibserve/glibserve/gio/internal/test/fakedns"
	"github.com/glibserve/glibserve/gio/internal/test/giotest"
)

// The table of names and addresses in FAULTS.md: one situation, by plain GIO, by
// package net and by this library. Each cell is a process of its own, since what
// gotk4 connects is never freed.

const (
	plainGIO   = "plain GIO"
	packageNet = "package net"
	thisOne    = "this library"
)

var addressColumns = []string{plainGIO, packageNet, thisOne}

// addressScene is a row: by column, what there is to see of it.
type addressScene struct {
	name string
	good string // what this library must do
	play map[string]func() string
}

func init() {
	helpers["address scene"] = func(args []string) error {
		for _, s := range addressScenes() {
			if s.name == args[0] {
				fmt.Print(s.play[args[1]]())
			}
		}
		return nil
	}
}

func TestAddressTable(t *testing.T) {
	needIPv6(t)
	giotest.NeedSeccomp(t)
	var table strings.Builder
	fmt.Fprintf(&table, "\n| situation | %s |\n|---|---|---|---|\n", strings.Join(addressColumns, " | "))
	for _, s := range addressScenes() {
		row := []string{s.name}
		for _, column := range addressColumns {
			// Plain GIO is called by gotk4 here, which -race and -asan end (checkptr).
			if column == plainGIO && raceFactor > 1 {
				row = append(row, "-")
				continue
			}
			out, err := helper(t, "address scene", s.name, column).Output()
			require.NoError(t, err, "%s: %s", s.name, column)
			require.NotEmpty(t, out, "%s: %s", s.name, column)
			row = append(row, string(out))
		}
		require.Equal(t, s.good, row[len(row)-1], s.name)
		fmt.Fprintf(&table, "| %s |\n", strings.Join(row, " | "))
	}
	t.Log(table.String())
}

func outcome(err error) string {
	if err == nil {
		return "connected"
	}
	return "refused"
}

// echoAt is a server of package net's on IPv4 that lives as long as the process.
func echoAt(address string) net.Addr {
	l, err := net.Listen("tcp4", address)
	if err != nil {
		panic(err)
	}
	go acceptEach(l, echoConn)
	return l.Addr()
}

// ofAny is the address of a server that is at 127.0.0.1 alone, as if at any.
func ofAny() string { return fmt.Sprintf("[::]:%d", tcpPort(echoAt("127.0.0.1:0"))) }

func plainConnect(address string, set func(*gotkgio.SocketClient)) error {
	c := gotkgio.NewSocketClient()
	c.SetEnableProxy(false)
	if set != nil {
		set(c)
	}
	_, err := c.ConnectToHost(context.Background(), address, 0)
	return err
}

func ourConnect(cfg *gio.ClientConfig, network, address string) error {
	cfg.DisableProxy = true
	_, err := gio.NewSocketClient(cfg).Dial(context.Background(), network, address)
	return err
}

func netConnect(d net.Dialer, network, address string) error {
	_, err := d.Dial(network, address)
	return err
}

func addressScenes() []addressScene {
	any6 := &net.TCPAddr{IP: net.IPv6unspecified}
	return []addressScene{
		{name: "4 services listen at one stale path at once, 50 times", good: "one each time", play: map[string]func() string{
			plainGIO: func() string {
				return contend(func(path string) (func(), error) {
					l := gotkgio.NewSocketListener()
					_, err := l.AddAddress(unixAddress(path), gotkgio.SocketTypeStream, gotkgio.SocketProtocolDefault, nil)
					return l.Close, err
				})
			},
			packageNet: func() string {
				return contend(func(path string) (func(), error) {
					l, err := net.Listen("unix", path)
					return func() { _ = l.Close() }, err
				})
			},
			thisOne: func() string {
				return contend(func(path string) (func(), error) {
					l := gio.NewSocketListener(nil)
					_, err := l.Listen("unix", path)
					return func() { _ = l.Close() }, err
				})
			},
		}},
		{name: "a server at 127.0.0.1 only is dialed as [::]", good: "connected", play: map[string]func() string{
			plainGIO:   func() string { return outcome(plainConnect(ofAny(), nil)) },
			packageNet: func() string { return outcome(netConnect(net.Dialer{}, "tcp", ofAny())) },
			thisOne:    func() string { return outcome(ourConnect(&gio.ClientConfig{}, "tcp", ofAny())) },
		}},
		{name: "the same over IPv4 only", good: "connected", play: map[string]func() string{
			plainGIO: func() string {
				return outcome(plainConnect(ofAny(), func(c *gotkgio.SocketClient) { c.SetFamily(gotkgio.SocketFamilyIPv4) }))
			},
			packageNet: func() string { return outcome(netConnect(net.Dialer{}, "tcp4", ofAny())) },
			thisOne:    func() string { return outcome(ourConnect(&gio.ClientConfig{}, "tcp4", ofAny())) },
		}},
		{name: "127.0.0.1 is dialed from the local address [::]", good: "connected", play: map[string]func() string{
			plainGIO: func() string {
				return outcome(plainConnect(echoAt("127.0.0.1:0").String(), func(c *gotkgio.SocketClient) {
					c.SetLocalAddress(gotkgio.NewInetSocketAddress(gotkgio.NewInetAddressAny(gotkgio.SocketFamilyIPv6), 0))
				}))
			},
			packageNet: func() string {
				return outcome(netConnect(net.Dialer{LocalAddr: any6}, "tcp", echoAt("127.0.0.1:0").String()))
			},
			thisOne: func() string {
				return outcome(ourConnect(&gio.ClientConfig{LocalAddr: any6}, "tcp", echoAt("127.0.0.1:0").String()))
			},
		}},
		{name: "any address is listened at where sockets of IPv6 are refused", good: "listens", play: map[string]func() string{
			plainGIO: withoutIPv6(func() error {
				_, err := gotkgio.NewSocketListener().AddAddress(
					gotkgio.NewInetSocketAddress(gotkgio.NewInetAddressAny(gotkgio.SocketFamilyIPv6), 0), gotkgio.SocketTypeStream, gotkgio.SocketProtocolTCP, nil)
				return err
			}),
			packageNet: withoutIPv6(func() error { _, err := net.ListenTCP("tcp", &net.TCPAddr{}); return err }),
			thisOne: withoutIPv6(func() error {
				_, err := gio.NewSocketListener(nil).AddAddress(&net.TCPAddr{}, nil)
				return err
			}),
		}},
		{name: "a peer whose abstract name is a, zero, b", good: `"@a\x00b"`, play: map[string]func() string{
			plainGIO: func() string {
				l := gotkgio.NewSocketListener()
				name := filepath.Join(os.TempDir(), fmt.Sprintf("glibserve-%d", os.Getpid()))
				defer os.Remove(name)
				if _, err := l.AddAddress(unixAddress(name), gotkgio.SocketTypeStream, gotkgio.SocketProtocolDefault, nil); err != nil {
					return err.Error()
				}
				dialAsAB(name)
				_, c, err := l.Accept(context.Background())
				if err != nil {
					return err.Error()
				}
				a, err := c.RemoteAddress()
				if err != nil {
					return err.Error()
				}
				if gotkgio.BaseSocketAddress(a).NativeSize() == 2+len("\x00a\x00b") {
					return "has all of it"
				}
				return "has a part of it"
			},
			packageNet: func() string {
				l, err := net.Listen("unix", "")
				if err != nil {
					return err.Error()
				}
				dialAsAB(l.Addr().String())
				c, err := l.Accept()
				if err != nil {
					return err.Error()
				}
				return strconv.Quote(c.RemoteAddr().String())
			},
			thisOne: func() string {
				l := gio.NewSocketListener(nil)
				a, err := l.Listen("unix", fmt.Sprintf("@glibserve-ab-%d", os.Getpid()))
				if err != nil {
					return err.Error()
				}
				dialAsAB(a.String())
				c, _, err := l.Accept(context.Background())
				if err != nil {
					return err.Error()
				}
				return strconv.Quote(c.RemoteAddr().String())
			},
		}},
		{name: "an HTTP proxy is asked for 2001:db8::1, port 80", good: "CONNECT [2001:db8::1]:80 HTTP/1.0", play: map[string]func() string{
			plainGIO: func() string {
				return asked(func(proxy string) {
					c := gotkgio.NewSocketClient()
					c.SetProxyResolver(&gotkgio.ProxyResolver{Object: coreglib.AssumeOwnership(fakedns.ProxyResolver(proxy))})
					_, _ = c.ConnectToHost(context.Background(), "[2001:db8::1]:80", 0)
				})
			},
			packageNet: func() string {
				return asked(func(proxy string) {
					u, _ := url.Parse(proxy)
					c := http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(u)}}
					_, _ = c.Get("https://[2001:db8::1]:80/")
				})
			},
			thisOne: func() string {
				return asked(func(proxy string) {
					_, _ = gio.NewSocketClient(&gio.ClientConfig{Proxy: proxy}).Dial(context.Background(), "tcp", "[2001:db8::1]:80")
				})
			},
		}},
		{name: "the error of a URI that cannot be read shows the password in it", good: "no", play: map[string]func() string{
			plainGIO: func() string {
				_, err := gotkgio.NewSocketClient().ConnectToURI(context.Background(), secretURI, 80)
				return shows(err)
			},
			packageNet: func() string { _, err := http.Get(secretURI); return shows(err) },
			thisOne: func() string {
				_, err := gio.NewSocketClient(nil).ConnectToURI(context.Background(), secretURI, 80)
				return shows(err)
			},
		}},
	}
}

const secretURI = "http://user:s3cret@[::1"

func shows(err error) string {
	switch {
	case err == nil:
		return "there is none"
	case strings.Contains(err.Error(), "s3cret"):
		return "yes"
	}
	return "no"
}

func withoutIPv6(listen func() error) func() string {
	return func() string {
		if err := refuseFamily(syscall.AF_INET6); err != nil {
			return err.Error()
		}
		if listen() != nil {
			return "refused"
		}
		return "listens"
	}
}

// contend has several listen at a stale path at once.
func contend(listen func(path string) (closeIt func(), err error)) string {
	dir, err := os.MkdirTemp("", "gsv")
	if err != nil {
		return err.Error()
	}
	defer os.RemoveAll(dir)
	least, most := atOnce, 0
	for i := range 50 {
		path := filepath.Join(dir, strconv.Itoa(i))
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			return err.Error()
		}
		l.SetUnlinkOnClose(false)
		_ = l.Close()
		var wg sync.WaitGroup
		var mu sync.Mutex
		var closers []func()
		for range atOnce {
			wg.Add(1)
			go func() {
				defer wg.Done()
				if closeIt, err := listen(path); err == nil {
					mu.Lock()
					closers = append(closers, closeIt)
					mu.Unlock()
				}
			}()
		}
		wg.Wait()
		least, most = min(least, len(closers)), max(most, len(closers))
		for _, f := range closers {
			f()
		}
	}
	switch {
	case most == 0:
		return "none, ever"
	case least == 1 && most == 1:
		return "one each time"
	}
	return fmt.Sprintf("%d to %d", least, most)
}

// unixAddress is for gotk4, which has no Unix sockets.
func unixAddress(path string) gotkgio.SocketAddresser {
	b, err := sockaddr.EncodeUnix(&net.UnixAddr{Name: path})
	if err != nil {
		panic(err)
	}
	return gotkgio.NewSocketAddressFromNative(unsafe.Pointer(&b[0]), uint(len(b)))
}

// dialAsAB keeps its connection.
func dialAsAB(name string) {
	c, err := net.DialUnix("unix", &net.UnixAddr{Name: "@a\x00b", Net: "unix"}, &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		panic(err)
	}
	kept = append(kept, c)
}

var kept []net.Conn

// asked is what a proxy is asked for.
func asked(connect func(proxy string)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err.Error()
	}
	line := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			line <- err.Error()
			return
		}
		defer c.Close()
		s, _ := bufio.NewReader(c).ReadString('\n')
		line <- strings.TrimSpace(s)
	}()
	go connect("http://" + l.Addr().String())
	select {
	case s := <-line:
		return s
	case <-time.After(10 * time.Second):
		return "nothing"
	}
}
