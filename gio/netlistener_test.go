package gio_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

func TestHTTPOverEveryNetwork(t *testing.T) {
	everyNetwork(t, func(t *testing.T, network, address string) {
		noLeaks(t)
		l := gio.NewSocketListener(nil)
		defer l.Close()
		addr, err := l.Listen(network, address)
		require.NoError(t, err)
		inside, release := make(chan struct{}), make(chan struct{})
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			if r.URL.Path == "/slow" {
				close(inside)
				<-release
			}
			_, _ = w.Write(append(b, r.URL.Path...))
		})}
		served := make(chan error, 1)
		go func() { served <- srv.Serve(l.NetListener()) }()
		client := &http.Client{Timeout: patience, Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, addr.Network(), addr.String())
			},
		}}
		defer client.CloseIdleConnections()
		post := func(path string, body io.Reader) ([]byte, error) {
			res, err := client.Post("http://server"+path, "text/plain", body)
			if err != nil {
				return nil, err
			}
			defer res.Body.Close()
			return io.ReadAll(res.Body)
		}
		f, want := randomFile(t, 1<<20)
		got, err := post("/file", f)
		require.NoError(t, err)
		requireSame(t, append(want, "/file"...), got)

		// Shutdown lets a request in progress end.
		slow := make(chan string, 1)
		go func() {
			b, err := post("/slow", nil)
			if err != nil {
				b = []byte(err.Error())
			}
			slow <- string(b)
		}()
		receive(t, inside)
		down := make(chan error, 1)
		go func() { down <- srv.Shutdown(context.Background()) }()
		require.ErrorIs(t, receive(t, served), http.ErrServerClosed)
		close(release)
		require.Equal(t, "/slow", receive(t, slow))
		require.NoError(t, receive(t, down))
		require.NoError(t, l.Close())
	})
}

func TestNetListenersCloseLeavesConnections(t *testing.T) {
	acceptors(t, func(t *testing.T, l *gio.SocketListener) {
		addr := loopback(t, l, nil)
		ln := l.NetListener()
		c, peer := join(t, l, addr)
		defer c.Close()
		go func() { _, _ = io.Copy(c, c) }()
		require.NoError(t, ln.Close())
		_, err := net.Dial("tcp", addr.String())
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		say(t, peer, "still there")
		_, err = ln.Accept()
		require.ErrorIs(t, err, net.ErrClosed)
		require.ErrorIs(t, ln.Close(), net.ErrClosed, "as package net's")
	})
}

func TestNetListenersCloseWakesAccept(t *testing.T) {
	acceptors(t, func(t *testing.T, l *gio.SocketListener) {
		loopback(t, l, nil)
		ln := l.NetListener()
		errc := make(chan error, 1)
		go func() {
			c, err := ln.Accept()
			if c != nil {
				t.Error("a connection that is no connection") // never a typed nil
			}
			errc <- err
		}()
		parked(t, "gio.(*listener).next", 1)
		require.NoError(t, ln.Close())
		err := receive(t, errc)
		require.ErrorIs(t, err, net.ErrClosed)
		var op *net.OpError
		require.ErrorAs(t, err, &op)
		require.Equal(t, "accept", op.Op)
	})
}

func TestNetListenersAddrIsNeverNil(t *testing.T) {
	l := gio.NewSocketListener(nil)
	defer l.Close()
	require.NotNil(t, l.NetListener().Addr())
	require.NotEmpty(t, l.NetListener().Addr().String())
	path := filepath.Join(t.TempDir(), "s")
	addr, err := l.Listen("unix", path)
	require.NoError(t, err)
	loopback(t, l, nil)
	require.Equal(t, addr, l.NetListener().Addr(), "the first")
	require.NoError(t, l.Close())
	require.Equal(t, addr, l.NetListener().Addr())
}
