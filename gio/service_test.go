package gio_test

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

func echo(_ context.Context, c *gio.SocketConnection) { _, _ = io.Copy(c, c) }

func TestServeEchoes(t *testing.T) {
	svc := gio.NewSocketService(nil)
	addr, err := svc.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	errc := make(chan error, 1)
	go func() { errc <- svc.Serve(context.Background(), gio.HandlerFunc(echo)) }()
	for range 3 {
		c, err := net.Dial("tcp", addr.String())
		require.NoError(t, err)
		_, err = c.Write([]byte("hello"))
		require.NoError(t, err)
		b := make([]byte, 5)
		_, err = io.ReadFull(c, b)
		require.NoError(t, err)
		require.Equal(t, "hello", string(b))
		c.Close()
	}
	require.NoError(t, svc.Shutdown(context.Background()))
	require.ErrorIs(t, <-errc, gio.ErrServiceClosed)
}
