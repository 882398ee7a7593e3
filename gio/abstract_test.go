package gio_test

import (
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// zeroNames are abstract names with zero bytes, as C programs have them that bind a
// whole sockaddr_un or think of a name as bytes.
func zeroNames(t *testing.T) map[string]string {
	name := abstract(t)
	return map[string]string{
		"padded to the end": name + strings.Repeat("\x00", 108-len(name)),
		"padded by one":     name + "\x00",
		"in the middle":     name + "\x00m",
		"at the beginning":  "@\x00" + name[1:],
		"zero for @":        "\x00z" + name[1:],
	}
}

// The name as RemoteAddr and LocalAddr show it.
func shown(name string) string { return "@" + name[1:] }

func TestAbstractNamesWithZeroBytesListen(t *testing.T) {
	for how, name := range zeroNames(t) {
		t.Run(how, func(t *testing.T) {
			l, addr := listenOn(t, "unix", name)
			require.Equal(t, shown(name), addr.String())
			c, peer := join(t, l, &net.UnixAddr{Name: name, Net: "unix"}) // by package net
			require.Equal(t, shown(name), c.LocalAddr().String())
			_, err := peer.Write([]byte("x"))
			require.NoError(t, err)
			_, err = c.Read(make([]byte, 1))
			require.NoError(t, err)
			require.NoError(t, c.Close())
			_, err = gioListen(t, name)
			require.ErrorIs(t, err, syscall.EADDRINUSE, "the same name, not another")
			require.NoError(t, l.Close())
			_, err = gioListen(t, name)
			require.NoError(t, err)
		})
	}
}

// gioListen is AddAddress on a listener of its own.
func gioListen(t *testing.T, name string) (net.Addr, error) {
	l := gio.NewSocketListener(nil)
	t.Cleanup(func() { _ = l.Close() })
	return l.AddAddress(&net.UnixAddr{Name: name, Net: "unix"}, nil)
}

func TestAbstractNamesWithZeroBytesAreDialed(t *testing.T) {
	for how, name := range zeroNames(t) {
		t.Run(how, func(t *testing.T) {
			ln, err := net.Listen("unix", name)
			require.NoError(t, err)
			defer ln.Close()
			c, err := newClient(t, nil).Dial(t.Context(), "unix", name)
			require.NoError(t, err)
			defer c.Close()
			require.Equal(t, shown(name), c.RemoteAddr().String())
			peer, err := ln.Accept()
			require.NoError(t, err)
			require.NoError(t, peer.Close())
		})
	}
}

// An address that the kernel gave comes back to the same socket.
func TestPeersOfAbstractNamesWithZeroBytes(t *testing.T) {
	l, addr := listenOn(t, "unix", filepath.Join(t.TempDir(), "s"))
	for how, name := range zeroNames(t) {
		peer, err := net.DialUnix("unix", &net.UnixAddr{Name: name, Net: "unix"}, addr.(*net.UnixAddr))
		require.NoError(t, err, how)
		c, _, err := l.Accept(t.Context())
		require.NoError(t, err, how)
		require.Equal(t, shown(name), c.RemoteAddr().String(), how)
		require.NoError(t, c.Close())
		require.NoError(t, peer.Close())
		client := newClient(t, &gio.ClientConfig{LocalAddr: &net.UnixAddr{Name: name, Net: "unix"}})
		d, err := client.Dial(t.Context(), "unix", addr.String())
		require.NoError(t, err, how)
		require.Equal(t, shown(name), d.LocalAddr().String(), how)
		c, _, err = l.Accept(t.Context())
		require.NoError(t, err, how)
		require.Equal(t, shown(name), c.RemoteAddr().String(), how)
		require.NoError(t, c.Close())
		require.NoError(t, d.Close())
	}
}

// The kernel would bind what is before the zero byte.
func TestPathsWithZeroBytesAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l := gio.NewSocketListener(nil)
	defer l.Close()
	for _, name := range []string{path + "\x00", path + "\x00x"} {
		_, err := l.Listen("unix", name)
		require.ErrorContains(t, err, "zero byte", "%q", name)
		_, err = newClient(t, nil).Dial(t.Context(), "unix", name)
		require.ErrorContains(t, err, "zero byte", "%q", name)
	}
	require.NoFileExists(t, path)
}
