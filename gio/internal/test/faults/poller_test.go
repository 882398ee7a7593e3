package faults_test

import (
	"context"
	"log/slog"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/giotest"
)

// Where Go's poller does not take the listening sockets, GIO accepts.
func TestServeWithoutPollingListeningSockets(t *testing.T) {
	child, _ := giotest.InChild(t, "GLIBSERVE_DEBUG=") // nodirect would leave nothing to refuse
	if !child {
		return
	}
	logs := &giotest.Log{}
	svc, addr := giotest.NewService(t, &gio.ServiceConfig{Logger: slog.New(slog.NewTextHandler(logs, nil))})
	giotest.Forbid(t, syscall.SYS_EPOLL_CTL, syscall.ENOSPC)
	giotest.Serve(svc, func(_ context.Context, c *gio.SocketConnection) { _, _ = c.Write([]byte("served")) })
	for range 10 {
		fd := giotest.RawSocket(t) // package net needs the poller, too
		giotest.RawConnect(t, fd, addr)
		b := make([]byte, 16)
		n, err := syscall.Read(fd, b)
		require.NoError(t, err)
		require.Equal(t, "served", string(b[:n]))
	}
	require.Contains(t, logs.String(), "Go's poller refuses a listening socket: GIO accepts")
}

// Without a shared poller connections wait at Go's poller.
func TestWithoutASharedPollerClientsAreServed(t *testing.T) {
	child, _ := giotest.InChild(t)
	if !child {
		return
	}
	svc, addr := giotest.NewService(t, nil)
	began := make(chan struct{}, 1)
	giotest.Serve(svc, func(ctx context.Context, c *gio.SocketConnection) {
		began <- struct{}{}
		giotest.Echo(ctx, c)
	})
	giotest.Forbid(t, syscall.SYS_EPOLL_CREATE1, syscall.EMFILE)
	c := giotest.Dial(t, addr)
	giotest.Receive(t, began)
	for range 10 {
		giotest.Say(t, c, "hello")
	}
}
