package gio_test

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio"
)

// The mode of a socket is that of every duplicate, and whoever has one may change
// it: os.File.Fd did, before Go 1.25 or so, and a program that was started does.

func setBlocking(t testing.TB, f *os.File) {
	t.Helper()
	raw, err := f.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) { err = unix.SetNonblock(int(fd), false) }))
	require.NoError(t, err)
}

// sharedListeners listen, each with a duplicate for others.
var sharedListeners = map[string]func(t testing.TB) net.Listener{
	"tcp": func(t testing.TB) net.Listener {
		var lc net.ListenConfig
		lc.SetMultipathTCP(false)
		ln, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = ln.Close() })
		return ln
	},
	"as package net has it": func(t testing.TB) net.Listener { return listenNet(t, "tcp", "") },
	"unix":                  func(t testing.TB) net.Listener { return listenNet(t, "unix", filepath.Join(t.TempDir(), "s")) },
}

// closingTakers are the ways to have clients, each of whom is closed.
var closingTakers = map[string]func(t testing.TB) *gio.SocketListener{
	"ConnectIncoming": func(t testing.TB) *gio.SocketListener {
		svc := gio.NewSocketService(nil)
		svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool { _ = c.Close(); return true })
		return &svc.SocketListener
	},
	"Incoming": func(t testing.TB) *gio.SocketListener {
		return &gio.NewSocketService(&gio.ServiceConfig{
			Incoming: func(c *gio.SocketConnection, _ any) bool { _ = c.Close(); return true },
		}).SocketListener
	},
	"run": func(t testing.TB) *gio.SocketListener {
		svc := gio.NewThreadedSocketService(4, nil)
		svc.ConnectRun(func(c *gio.SocketConnection, _ any) bool { _ = c.Close(); return true })
		return &svc.SocketListener
	},
	"Serve": func(t testing.TB) *gio.SocketListener {
		svc := gio.NewSocketService(nil)
		serve(t, svc, func(context.Context, *gio.SocketConnection) {})
		return &svc.SocketListener
	},
	"Serve and Gotk4": func(t testing.TB) *gio.SocketListener {
		svc := gio.NewSocketService(nil)
		svc.Gotk4()
		serve(t, svc, func(context.Context, *gio.SocketConnection) {})
		return &svc.SocketListener
	},
	"Accept": func(t testing.TB) *gio.SocketListener {
		svc := gio.NewSocketService(nil)
		go closeAll(svc.NetListener())
		return &svc.SocketListener
	},
	"Accept of a listener": func(t testing.TB) *gio.SocketListener {
		l := gio.NewSocketListener(nil)
		go closeAll(l.NetListener())
		return l
	},
}

func closeAll(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		_ = c.Close()
	}
}

func everyTaker(t *testing.T, f func(t *testing.T, l *gio.SocketListener, ln net.Listener, theirs *os.File)) {
	for name, listen := range sharedListeners {
		for how, taker := range closingTakers {
			t.Run(name+"/"+how, func(t *testing.T) {
				ln := listen(t)
				theirs := fileOf(t, ln)
				l := taker(t)
				closed := make(chan error, 1)
				defer func() {
					go func() { closed <- l.Close() }()
					require.NoError(t, receive(t, closed))
				}()
				require.NoError(t, l.AddListener(ln, nil))
				f(t, l, ln, theirs)
			})
		}
	}
}

// held has the loop busy while f runs.
func held(t testing.TB, l *gio.SocketListener, f func()) {
	t.Helper()
	begun, end := make(chan struct{}), make(chan struct{})
	require.NoError(t, l.Loop().Post(func() { close(begun); <-end }))
	receive(t, begun)
	f()
	close(end)
}

func TestListenerMadeBlockingHoldsNobody(t *testing.T) {
	everyTaker(t, func(t *testing.T, l *gio.SocketListener, ln net.Listener, theirs *os.File) {
		requireEnd(t, dial(t, ln.Addr()))
		for range 3 {
			// Several wait when the loop comes to it: one is more than GIO takes.
			var peers []net.Conn
			held(t, l, func() {
				setBlocking(t, theirs)
				for range 3 {
					peers = append(peers, dial(t, ln.Addr()))
				}
			})
			for _, peer := range peers {
				requireEnd(t, peer)
			}
			done := make(chan struct{})
			require.NoError(t, l.Loop().Post(func() { close(done) }))
			receive(t, done)
		}
	})
}

// Whatever is looked at before accept(2), they may change it after that, and take
// the client.
func TestAcceptNeverWaits(t *testing.T) {
	for _, name := range []string{"tcp", "unix"} {
		t.Run(name, func(t *testing.T) {
			ln := sharedListeners[name](t)
			theirs := fileOf(t, ln)
			l := gio.NewSocketListener(nil)
			defer l.Close()
			require.NoError(t, l.AddListener(ln, nil))
			setBlocking(t, theirs)
			errs := make(chan error, 1)
			go func() {
				raw, err := theirs.SyscallConn()
				if err == nil {
					_ = raw.Control(func(fd uintptr) { _, _, err = unix.Accept4(int(fd), unix.SOCK_CLOEXEC) })
				}
				errs <- err
			}()
			require.Equal(t, unix.EAGAIN, receive(t, errs))
		})
	}
}

// What a client inherits from that is undone before others read from it.
func TestClientsHaveNoReceiveTimeout(t *testing.T) {
	for name, listen := range sharedListeners {
		t.Run(name, func(t *testing.T) {
			ln := listen(t)
			l := gio.NewSocketListener(nil)
			defer l.Close()
			require.NoError(t, l.AddListener(ln, nil))
			c, _ := join(t, l, ln.Addr())
			defer c.Close()
			f := fileOf(t, c.Socket())
			raw, err := f.SyscallConn()
			require.NoError(t, err)
			var tv *unix.Timeval
			require.NoError(t, raw.Control(func(fd uintptr) {
				tv, err = unix.GetsockoptTimeval(int(fd), unix.SOL_SOCKET, unix.SO_RCVTIMEO)
			}))
			require.NoError(t, err)
			require.Zero(t, *tv)
		})
	}
}

// blockedPair is a connection of which somebody has a blocking duplicate.
func blockedPair(t testing.TB, network, address string, exposed bool) (*gio.SocketConnection, net.Conn) {
	t.Helper()
	c, peer := connected(t, network, address)
	if exposed {
		gotk4(c)
	}
	setBlocking(t, fileOf(t, c.Socket()))
	return c, peer
}

func everyBlockedPair(t *testing.T, f func(t *testing.T, c *gio.SocketConnection, peer net.Conn)) {
	everyNetwork(t, func(t *testing.T, network, address string) {
		for name, exposed := range map[string]bool{"ours": false, "exposed": true} {
			t.Run(name, func(t *testing.T) {
				c, peer := blockedPair(t, network, address, exposed)
				f(t, c, peer)
			})
		}
	})
}

// requireCloses closes c, and wants the operation to end with net.ErrClosed.
func requireCloses(t testing.TB, c *gio.SocketConnection, ended <-chan error) {
	t.Helper()
	closed := make(chan error, 1)
	go func() { closed <- c.Close() }()
	require.NoError(t, receive(t, closed))
	require.ErrorIs(t, receive(t, ended), net.ErrClosed)
}

func TestConnectionMadeBlockingCloses(t *testing.T) {
	big := filepath.Join(t.TempDir(), "big")
	require.NoError(t, os.WriteFile(big, make([]byte, 64<<20), 0o600))
	for name, operation := range map[string]func(t testing.TB, c *gio.SocketConnection) error{
		"Read": func(_ testing.TB, c *gio.SocketConnection) error {
			_, err := c.Read(make([]byte, 1))
			return err
		},
		"Write": func(_ testing.TB, c *gio.SocketConnection) error {
			_, err := c.Write(make([]byte, 64<<20))
			return err
		},
		"ReadFrom of a file": func(_ testing.TB, c *gio.SocketConnection) error {
			f, err := os.Open(big)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = c.ReadFrom(f)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			everyBlockedPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
				ended := make(chan error, 1)
				go func() { ended <- operation(t, c) }()
				parked(t, "netfd.(*FD).do", 1)
				requireCloses(t, c, ended)
			})
		})
	}
}

// Bulk goes through a pipe, by splice(2), and then nothing comes any more.
func TestCopyOfConnectionsMadeBlockingCloses(t *testing.T) {
	const bulk = 8 << 20
	for name, closeSource := range map[string]bool{"source": true, "destination": false} {
		t.Run(name, func(t *testing.T) {
			everyNetwork(t, func(t *testing.T, network, address string) {
				src, from := blockedPair(t, network, address, false)
				dst, to := connected(t, "tcp", "127.0.0.1:0")
				ended := make(chan error, 1)
				go func() { _, err := io.Copy(dst, src); ended <- err }()
				go func() { _, _ = from.Write(make([]byte, bulk)) }()
				if closeSource {
					_, err := io.CopyN(io.Discard, to, bulk)
					require.NoError(t, err)
					parked(t, "netfd.Copy", 1)
					requireCloses(t, src, ended)
					return
				}
				setBlocking(t, fileOf(t, dst.Socket()))
				parked(t, "netfd.Copy", 1)
				requireCloses(t, dst, ended)
			})
		})
	}
}

// The same when it becomes so in the middle.
func TestModeChangesWhileBytesMove(t *testing.T) {
	everyNetwork(t, func(t *testing.T, network, address string) {
		src, from := connected(t, network, address)
		dst, to := connected(t, network, address+secondName(network))
		ended := make(chan error, 1)
		go func() { _, err := io.Copy(dst, src); ended <- err }()
		go func() {
			for b := make([]byte, 1<<20); ; {
				if _, err := from.Write(b); err != nil {
					return
				}
			}
		}()
		_, err := io.CopyN(io.Discard, to, 16<<20)
		require.NoError(t, err)
		files := []*os.File{fileOf(t, src.Socket()), fileOf(t, dst.Socket())}
		for range 50 {
			for _, f := range files {
				setBlocking(t, f)
			}
			_, err := io.CopyN(io.Discard, to, 1<<20)
			require.NoError(t, err)
		}
		parked(t, "netfd.Copy", 1)
		requireCloses(t, dst, ended)
	})
}

func TestFilesAndCredentialsOverABlockingSocket(t *testing.T) {
	for name, exposed := range map[string]bool{"ours": false, "exposed": true} {
		t.Run(name, func(t *testing.T) {
			for _, operation := range []func(c *gio.SocketConnection) error{
				func(c *gio.SocketConnection) error { _, err := c.ReceiveFile(); return err },
				func(c *gio.SocketConnection) error { _, err := c.ReceiveFiles(3); return err },
				func(c *gio.SocketConnection) error { _, err := c.ReceiveCredentials(); return err },
				func(c *gio.SocketConnection) error {
					for {
						if err := c.SendFile(os.Stdin); err != nil {
							return err
						}
					}
				},
			} {
				c, _ := blockedPair(t, "unix", filepath.Join(t.TempDir(), "s"), exposed)
				ended := make(chan error, 1)
				go func() { ended <- operation(c) }()
				parked(t, "netfd.(*FD).do", 1)
				requireCloses(t, c, ended)
			}
		})
	}
}

func TestTLSOverABlockingSocket(t *testing.T) {
	a := newAuthority(t)
	for _, name := range []string{"client", "server"} {
		t.Run(name, func(t *testing.T) {
			c, peer := tlsPair(t, a, a.server(t))
			if name == "server" {
				c, peer = peer, c
			}
			exchange(t, c, peer, 1<<10)
			setBlocking(t, fileOf(t, c.Socket()))
			exchange(t, c, peer, 1<<20)
			requireCloses(t, c, reading(t, c))
		})
	}
}

// A client that another process takes between poll(2) and accept(2), in a blocking
// mode: everybody who changes and takes does so all the time.
func TestListenerSharedWithAThief(t *testing.T) {
	everyTaker(t, func(t *testing.T, l *gio.SocketListener, ln net.Listener, theirs *os.File) {
		raw, err := theirs.SyscallConn()
		require.NoError(t, err)
		stop := again(func() {
			_ = raw.Control(func(fd uintptr) {
				_ = unix.SetNonblock(int(fd), true)
				if c, _, err := unix.Accept4(int(fd), unix.SOCK_CLOEXEC); err == nil {
					_ = unix.Close(c)
				}
				_ = unix.SetNonblock(int(fd), false)
			})
		})
		for range 100 {
			requireEnd(t, dial(t, ln.Addr()))
		}
		stop()
		requireEnd(t, dial(t, ln.Addr()))
	})
}

func secondName(network string) string {
	if network == "unix" {
		return "2"
	}
	return ""
}
