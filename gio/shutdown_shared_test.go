package gio_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// A socket that others keep open, as systemd does, outlives the service: who
// was accepted is served, who was not waits for the next service.
func TestShutdownLosesNoClientOfASharedSocket(t *testing.T) {
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer ln.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	answered, lost := make(chan struct{}), make(chan error, 8)
	ask := func() error {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			return err
		}
		defer conn.Close()
		answer, err := io.ReadAll(conn)
		if err == nil && len(answer) != 1 {
			err = errors.New("accepted, and closed without an answer")
		}
		return err
	}
	var clients sync.WaitGroup
	for range cap(lost) {
		clients.Add(1)
		go func() {
			defer clients.Done()
			for {
				if err := ask(); err != nil {
					lost <- err
					return
				}
				select {
				case answered <- struct{}{}:
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	serve := func() *gio.SocketService {
		svc := gio.NewSocketService(nil)
		require.NoError(t, svc.AddListener(ln, nil))
		go svc.Serve(context.Background(), gio.HandlerFunc(func(_ context.Context, conn *gio.SocketConnection) {
			_, _ = conn.Write([]byte("x"))
		}))
		return svc
	}
	for range 100 {
		svc := serve()
		for range 20 {
			select {
			case <-answered:
			case err := <-lost:
				require.NoError(t, err)
			}
		}
		down := make(chan error)
		go func() { down <- svc.Shutdown(context.Background()) }()
		for ended := false; !ended; {
			select {
			case <-answered: // they go on while it ends
			case err := <-lost:
				require.NoError(t, err)
			case err := <-down:
				require.NoError(t, err)
				ended = true
			}
		}
	}
	cancel()
	last := serve() // for those who still wait
	clients.Wait()
	require.NoError(t, last.Close())
	require.Empty(t, lost)
}
