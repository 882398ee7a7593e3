// Package giotest has what the tests of package gio, and those of the faults beside
// it, share: services and clients, processes of a test's own, and the account of what
// must have come back at the end.
package giotest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// Patience is more than anything here takes, and less than a test's timeout.
const Patience = 20 * time.Second

// Echo is a handler that sends back what comes.
func Echo(_ context.Context, c *gio.SocketConnection) { _, _ = io.Copy(c, c) }

// AcceptEach gives each connection of a listener to serve, on a goroutine of its own,
// and closes it afterwards. It returns when the listener is closed.
func AcceptEach(ln net.Listener, serve func(c net.Conn)) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			serve(c)
		}()
	}
}

// EchoConn sends back what comes.
func EchoConn(c net.Conn) { _, _ = io.Copy(c, c) }

// Quiet logs nothing.
var Quiet = slog.New(slog.DiscardHandler)

// NewService listens on a free TCP port and closes with the test.
func NewService(t testing.TB, cfg *gio.ServiceConfig) (*gio.SocketService, net.Addr) {
	t.Helper()
	svc := gio.NewSocketService(cfg)
	t.Cleanup(func() { require.NoError(t, svc.Close()) })
	addr, err := svc.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return svc, addr
}

// Dial connects for the length of the test.
func Dial(t testing.TB, addr net.Addr) net.Conn {
	t.Helper()
	c, err := net.Dial(addr.Network(), addr.String())
	require.NoError(t, err)
	require.NoError(t, c.SetDeadline(time.Now().Add(Patience)))
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Say sends a word and wants it back.
func Say(t testing.TB, c net.Conn, word string) {
	t.Helper()
	_, err := c.Write([]byte(word))
	require.NoError(t, err)
	b := make([]byte, len(word))
	_, err = io.ReadFull(c, b)
	require.NoError(t, err)
	require.Equal(t, word, string(b))
}

// RequireEnd wants the connection to have been ended by the other side.
func RequireEnd(t testing.TB, c net.Conn) {
	t.Helper()
	_, err := c.Read(make([]byte, 1))
	require.True(t, err == io.EOF || errors.Is(err, syscall.ECONNRESET), "got %v", err)
}

// Receive fails the test rather than wait for ever.
func Receive[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(Patience):
		require.FailNow(t, "nothing came")
		panic("not reached")
	}
}

// Serve has the service serve, and returns what Serve will return.
func Serve(svc *gio.SocketService, f gio.HandlerFunc) <-chan error {
	errc := make(chan error, 1)
	go func() { errc <- svc.Serve(context.Background(), f) }()
	return errc
}

// ListenOn makes a listener that is closed at the end of the test.
func ListenOn(t testing.TB, network, address string) (*gio.SocketListener, net.Addr) {
	t.Helper()
	l := gio.NewSocketListener(nil)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	addr, err := l.Listen(network, address)
	require.NoError(t, err)
	return l, addr
}

// Eventually asks again and again, on this goroutine.
func Eventually(f func() bool) bool {
	for end := time.Now().Add(Patience); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// RequireOpError wants an error as package net makes them, with a text that
// says what was attempted, on what.
func RequireOpError(t testing.TB, err error, op, network string, is error) {
	t.Helper()
	require.ErrorIs(t, err, is)
	oe, ok := err.(*net.OpError)
	require.True(t, ok, "%T: %v", err, err)
	require.Equal(t, op, oe.Op)
	require.Equal(t, network, oe.Net)
	require.True(t, strings.HasPrefix(err.Error(), op+" "+network+" "), err)
	require.NotContains(t, err.Error(), "%!")
	require.NotContains(t, err.Error(), "<nil>")
}

// StalePath leaves a socket file behind that nobody answers.
func StalePath(t testing.TB, path string) {
	t.Helper()
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	ln.SetUnlinkOnClose(false)
	require.NoError(t, ln.Close())
	_, err = os.Lstat(path)
	require.NoError(t, err)
}

// PkgConfig is what pkg-config answers.
func PkgConfig(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.Command("pkg-config", args...).Output()
	require.NoError(t, err, "pkg-config %v", args)
	return strings.TrimSpace(string(out))
}
