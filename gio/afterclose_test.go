package gio_test

import (
	"context"
	"errors"
	"maps"
	"net"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/glibloop"
)

// after is what each method does once its object is closed. A method of a type
// that is not in its table fails the test.
type after map[string]func() error

var (
	errNothing = errors.New("did what it should not do any more")
	noErr      = func(f func()) func() error { return func() error { f(); return errNone } }
	errNone    = errors.New("has no error to return")
)

// ifTrue is for methods that tell by their result.
func ifTrue(ok bool) error {
	if ok {
		return errNone
	}
	return errNothing
}

// errOf is the error of a method with a result.
func errOf[T any](_ T, err error) error { return err }

// check calls every method of the object three times from each of several
// goroutines, and wants closed from those that return errors. None may hang.
func (table after) check(t *testing.T, object any, closed ...error) {
	t.Helper()
	typ := reflect.TypeOf(object)
	methods := methodsOf(typ)
	for name := range table {
		require.True(t, methods[name], "%v has no method %s", typ, name)
	}
	for name := range methods {
		_, known := table[name]
		require.True(t, known, "what does %v.%s do after Close?", typ, name)
	}
	for name, call := range table {
		hangs := time.AfterFunc(patience, func() { panic(typ.String() + "." + name + " hangs") })
		var all sync.WaitGroup
		for range 4 {
			all.Add(1)
			go func() {
				defer all.Done()
				for range 3 {
					err := call()
					if err == errNone {
						continue
					}
					ok := false
					for _, want := range closed {
						ok = ok || errors.Is(err, want)
					}
					if !ok {
						t.Errorf("%v.%s: %v", typ, name, err)
					}
				}
			}()
		}
		all.Wait()
		hangs.Stop()
	}
}

// methodsOf are those of the library, without what its tests add.
func methodsOf(typ reflect.Type) map[string]bool {
	of := make(map[string]bool)
	add := func(typ reflect.Type, is func(file string) bool, value bool) {
		for i := range typ.NumMethod() {
			m := typ.Method(i)
			file, _ := runtime.FuncForPC(m.Func.Pointer()).FileLine(m.Func.Pointer())
			if is(file) {
				of[m.Name] = value
			}
		}
	}
	add(typ, func(string) bool { return true }, true)
	// A promoted method has no file: look at the type that it comes from too.
	for _, typ := range []reflect.Type{typ, reflect.TypeOf(&gio.SocketListener{}), reflect.TypeOf(&gio.SocketService{})} {
		add(typ, func(file string) bool { return strings.HasSuffix(file, "_test.go") }, false)
	}
	maps.DeleteFunc(of, func(_ string, ours bool) bool { return !ours })
	return of
}

func afterListener(t *testing.T, l *gio.SocketListener) after {
	ctx := context.Background()
	other := listenNet(t, "tcp", "")
	file := fileOf(t, other)
	return after{
		"Accept":         func() error { _, _, err := l.Accept(ctx); return err },
		"AcceptSocket":   func() error { _, _, err := l.AcceptSocket(ctx); return err },
		"AddAddress":     func() error { return errOf(l.AddAddress(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, "x")) },
		"AddAnyInetPort": func() error { return errOf(l.AddAnyInetPort("x")) },
		"AddFile":        func() error { return l.AddFile(file, "x") },
		"AddInetPort":    func() error { return l.AddInetPort(1, "x") },
		"AddListener":    func() error { return l.AddListener(other, "x") },
		"AddSocket":      func() error { return l.AddSocket(listeningSocket(t), "x") },
		"Native":         func() error { return ifTrue(l.Native() == 0) },
		"Addrs":          noErr(func() { l.Addrs() }),
		"Backlog":        noErr(func() { l.Backlog() }),
		"Close":          func() error { return ifTrue(l.Close() == nil) },
		"ConnectEvent":   func() error { return ifTrue(l.ConnectEvent(func(gio.ListenerEvent, net.Addr) {}) == 0) },
		"ConnectNotifyBacklog": func() error {
			return ifTrue(l.ConnectNotifyBacklog(func(int) {}) == 0)
		},
		"Block":        noErr(func() { l.Block(1) }),
		"Unblock":      noErr(func() { l.Unblock(1) }),
		"Disconnect":   noErr(func() { l.Disconnect(1) }),
		"Gotk4":        noErr(func() { l.Gotk4() }),
		"Listen":       func() error { return errOf(l.Listen("tcp", "127.0.0.1:0")) },
		"ListenSource": func() error { return errOf(l.ListenSource("tcp", "127.0.0.1:0", 1)) },
		"Loop":         func() error { return ifTrue(l.Loop() != nil) },
		"NetListener":  func() error { return errOf(l.NetListener().Accept()) },
		"SetBacklog":   noErr(func() { l.SetBacklog(3) }),
	}
}

func afterService(t *testing.T, s *gio.SocketService) after {
	ctx := context.Background()
	table := afterListener(t, &s.SocketListener)
	table["Close"] = func() error { return ifTrue(s.Close() == nil) }
	table["Gotk4"] = noErr(func() { s.Gotk4() })
	table["ConnectIncoming"] = func() error {
		return ifTrue(s.ConnectIncoming(func(*gio.SocketConnection, any) bool { return false }) == 0)
	}
	table["ConnectNotifyActive"] = func() error { return ifTrue(s.ConnectNotifyActive(func(bool) {}) == 0) }
	table["Conns"] = func() error {
		for _, err := range s.Conns(ctx) {
			return err
		}
		return errNothing
	}
	table["Done"] = func() error { <-s.Done(); return errNone }
	table["Stats"] = noErr(func() { s.Stats() })
	table["IsActive"] = noErr(func() { s.IsActive() })
	table["ReloadTLS"] = s.ReloadTLS
	table["Serve"] = func() error { return s.Serve(ctx, gio.HandlerFunc(echo)) }
	table["SetActive"] = noErr(func() { s.SetActive(true) })
	table["Shutdown"] = func() error {
		if err := s.Shutdown(ctx); err != nil {
			return errors.New(err.Error()) // not even one that says it is closed
		}
		return errNone
	}
	table["Start"] = noErr(s.Start)
	table["Stop"] = noErr(s.Stop)
	return table
}

func afterThreaded(t *testing.T, s *gio.ThreadedSocketService) after {
	table := afterService(t, &s.SocketService)
	table["Gotk4"] = noErr(func() { s.Gotk4() })
	table["ConnectRun"] = func() error {
		return ifTrue(s.ConnectRun(func(*gio.SocketConnection, any) bool { return false }) == 0)
	}
	table["MaxThreads"] = noErr(func() { s.MaxThreads() })
	return table
}

func afterConnection(t *testing.T, c *gio.SocketConnection) after {
	ctx := context.Background()
	b := make([]byte, 1)
	file := tempFile(t, "x")
	return after{
		"Close":              c.Close,
		"CloseRead":          c.CloseRead,
		"CloseWrite":         c.CloseWrite,
		"Detach":             func() error { return ifTrue(c.Detach() == c) },
		"GracefulDisconnect": noErr(func() { c.GracefulDisconnect() }),
		"Gotk4":              func() error { return ifTrue(c.Gotk4() == nil) },
		"Native":             func() error { return ifTrue(c.Native() == 0) },
		"Stream":             func() error { return ifTrue(c.Stream() == nil) },
		"Handshake":          func() error { return c.Handshake(ctx) },
		"IsConnected":        func() error { return ifTrue(!c.IsConnected()) },
		"KeepAlive":          func() error { return errOf(c.KeepAlive()) },
		"Linger":             func() error { return errOf(c.Linger()) },
		"LocalAddr":          func() error { return ifTrue(c.LocalAddr() != nil) },
		"MultipathTCP":       func() error { return errOf(c.MultipathTCP()) },
		"NoDelay":            func() error { return errOf(c.NoDelay()) },
		"PeerCredentials":    func() error { return errOf(c.PeerCredentials()) },
		"Read":               func() error { return errOf(c.Read(b[:0])) },
		"ReadFrom":           func() error { return errOf(c.ReadFrom(strings.NewReader("x"))) },
		"ReceiveCredentials": func() error { return errOf(c.ReceiveCredentials()) },
		"ReceiveFile":        func() error { return errOf(c.ReceiveFile()) },
		"ReceiveFiles":       func() error { return errOf(c.ReceiveFiles(1)) },
		"RemoteAddr":         func() error { return ifTrue(c.RemoteAddr() != nil) },
		"SendCredentials":    c.SendCredentials,
		"SendFile":           func() error { return c.SendFile(file) },
		"SendFiles":          func() error { return c.SendFiles(file) },
		"SetDeadline":        func() error { return c.SetDeadline(time.Now()) },
		"SetGracefulDisconnect": func() error {
			return c.SetGracefulDisconnect(true)
		},
		"SetIdleTimeout":   noErr(func() { c.SetIdleTimeout(time.Second) }),
		"SetKeepAlive":     func() error { return c.SetKeepAlive(true) },
		"SetLinger":        func() error { return c.SetLinger(1) },
		"SetNoDelay":       func() error { return c.SetNoDelay(true) },
		"SetReadDeadline":  func() error { return c.SetReadDeadline(time.Now()) },
		"SetWriteDeadline": func() error { return c.SetWriteDeadline(time.Now()) },
		"Socket":           noErr(func() { c.Socket() }),
		"Source":           noErr(func() { c.Source() }),
		"StartTLS":         func() error { return c.StartTLS(ctx, &gio.ClientTLSConfig{InsecureSkipVerify: true}) },
		"SyscallConn":      func() error { return errOf(c.SyscallConn()) },
		"TLS":              func() error { _, ok := c.TLS(); return ifTrue(!ok) },
		"Write":            func() error { return errOf(c.Write([]byte("x"))) },
	}
}

func TestEveryMethodAfterClose(t *testing.T) {
	noLeaks(t)
	t.Run("SocketListener", func(t *testing.T) {
		l, _ := listenOn(t, "tcp", "127.0.0.1:0")
		require.NoError(t, l.Close())
		afterListener(t, l).check(t, l, net.ErrClosed)
	})
	t.Run("SocketService", func(t *testing.T) {
		s, _ := newService(t, nil)
		require.NoError(t, s.Close())
		afterService(t, s).check(t, s, net.ErrClosed)
	})
	t.Run("ThreadedSocketService", func(t *testing.T) {
		s, _ := newThreaded(t, 2, nil)
		require.NoError(t, s.Close())
		afterThreaded(t, s).check(t, s, net.ErrClosed)
	})
	t.Run("net.Listener", func(t *testing.T) {
		s, _ := newService(t, nil)
		ln := s.NetListener()
		require.NoError(t, ln.Close())
		after{
			"Accept": func() error { return errOf(ln.Accept()) },
			"Addr":   func() error { return ifTrue(ln.Addr() != nil) },
			"Close":  ln.Close,
		}.check(t, ln, net.ErrClosed)
	})
	t.Run("SocketConnection", func(t *testing.T) {
		for kind, make := range map[string]func() *gio.SocketConnection{
			"tcp":  func() *gio.SocketConnection { c, _ := pair(t, "tcp", "127.0.0.1:0"); return c },
			"unix": func() *gio.SocketConnection { c, _ := socketPair(t); return c },
			"tls": func() *gio.SocketConnection {
				a := newAuthority(t)
				_, c := tlsPair(t, a, a.server(t))
				return c
			},
		} {
			t.Run(kind, func(t *testing.T) {
				c := make()
				raw, err := c.SyscallConn()
				require.NoError(t, err)
				require.NoError(t, c.Close())
				afterConnection(t, c).check(t, c, net.ErrClosed, errors.ErrUnsupported)
				after{
					"Control": func() error { return raw.Control(func(uintptr) {}) },
					"Read":    func() error { return raw.Read(func(uintptr) bool { return true }) },
					"Write":   func() error { return raw.Write(func(uintptr) bool { return true }) },
				}.check(t, raw, net.ErrClosed)
			})
		}
	})
	t.Run("Socket", func(t *testing.T) {
		c, _ := pair(t, "tcp", "127.0.0.1:0")
		s := c.Socket()
		require.NoError(t, s.Close())
		after{
			"Close":       s.Close,
			"Connection":  noErr(func() { s.Connection() }),
			"File":        func() error { return errOf(s.File()) },
			"Gotk4":       func() error { return ifTrue(s.Gotk4() == nil) },
			"LocalAddr":   func() error { return ifTrue(s.LocalAddr() != nil) },
			"RemoteAddr":  func() error { return ifTrue(s.RemoteAddr() != nil) },
			"SyscallConn": func() error { return errOf(s.SyscallConn()) },
		}.check(t, s, net.ErrClosed)
	})
	t.Run("StreamConn", func(t *testing.T) {
		c, _ := streamPair(t, newLoop(t), "pollable")
		require.NoError(t, c.Close())
		after{
			"Close":            c.Close,
			"CloseWrite":       c.CloseWrite,
			"LocalAddr":        func() error { return ifTrue(c.LocalAddr() != nil) },
			"Read":             func() error { return errOf(c.Read(nil)) },
			"RemoteAddr":       func() error { return ifTrue(c.RemoteAddr() != nil) },
			"SetDeadline":      func() error { return c.SetDeadline(time.Now()) },
			"SetReadDeadline":  func() error { return c.SetReadDeadline(time.Now()) },
			"SetWriteDeadline": func() error { return c.SetWriteDeadline(time.Now()) },
			"Write":            func() error { return errOf(c.Write([]byte("x"))) },
		}.check(t, c, net.ErrClosed)
	})
	t.Run("SocketClient", func(t *testing.T) {
		ctx := context.Background()
		c := newClient(t, nil)
		require.NoError(t, c.Close())
		after{
			"Close": func() error { _ = c.Close(); return errNone },
			"ConnectEvent": func() error {
				return ifTrue(c.ConnectEvent(func(gio.ClientEvent, string, net.Addr) {}) == 0)
			},
			"ConnectToHost":    func() error { return errOf(c.ConnectToHost(ctx, "127.0.0.1", 1)) },
			"ConnectToService": func() error { return errOf(c.ConnectToService(ctx, "example.test", "x")) },
			"ConnectToURI":     func() error { return errOf(c.ConnectToURI(ctx, "http://127.0.0.1:1", 1)) },
			"Dial":             func() error { return errOf(c.Dial(ctx, "tcp", "127.0.0.1:1")) },
			"Disconnect":       noErr(func() { c.Disconnect(1) }),
			"Connect":          func() error { return errOf(c.Connect(ctx, loopbackTarget(t))) },
			"DialContext":      func() error { return errOf(c.DialContext(ctx, "tcp", "127.0.0.1:1")) },
			"Gotk4":            noErr(func() { c.Gotk4() }),
			"Native":           func() error { return ifTrue(c.Native() == 0) },
			"Loop":             noErr(func() { c.Loop() }),
		}.check(t, c, net.ErrClosed)
	})
}

// The loop is closed first: then the methods that need it say so, and Close
// gives everything back all the same.
func TestEveryMethodAfterTheLoopWasClosed(t *testing.T) {
	noLeaks(t)
	loop := glibloop.New()
	s := gio.NewThreadedSocketService(2, &gio.ServiceConfig{Loop: loop})
	addr, err := s.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	inside, release := make(chan struct{}), make(chan struct{})
	errc := serve(t, &s.SocketService, func(_ context.Context, c *gio.SocketConnection) {
		close(inside)
		<-release
		_, _ = c.Write([]byte("x"))
	})
	c := dial(t, addr)
	receive(t, inside)
	require.NoError(t, loop.Close()) // under a running handler
	require.ErrorIs(t, receive(t, errc), glibloop.ErrStopped)
	close(release)
	_, err = c.Read(make([]byte, 1))
	require.NoError(t, err, "a connection does not need the loop")

	table := afterThreaded(t, s)
	for _, name := range []string{"Accept", "AcceptSocket", "Conns", "NetListener", "Done", "Close", "Shutdown"} {
		delete(table, name) // they wait for a client, or close
	}
	for name, call := range table {
		hangs := time.AfterFunc(patience, func() { panic(name + " hangs") })
		_ = call()
		hangs.Stop()
	}
	_, err = s.Listen("tcp", "127.0.0.1:0")
	require.ErrorIs(t, err, glibloop.ErrStopped)
	require.NoError(t, s.Close())
	receive(t, s.Done())
	requireEnd(t, c)
	afterThreaded(t, s).check(t, s, net.ErrClosed)
}
