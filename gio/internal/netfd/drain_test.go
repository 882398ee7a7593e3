package netfd

import (
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func graceful(t *testing.T) (a, b *FD) {
	t.Helper()
	a, b = kinds["exposed"](t)
	a.objects.native.SetGraceful(true)
	return a, b
}

func TestDrainWakesAllAndWaitsForThePeer(t *testing.T) {
	a, b := graceful(t)
	ended := []<-chan error{reading(a), filling(a)}
	waiting(t, "netfd.(*FD).do", 2)
	ended = append(ended, reading(a))
	waiting(t, "netfd.(*fdMutex).await", 1)
	a.SetIdleTimeout(time.Hour)
	require.True(t, a.BeginClose())
	drained := start(func() error { return a.Drain(patience) })
	for _, ch := range ended {
		require.Equal(t, net.ErrClosed, receive(t, ch))
	}
	waiting(t, "netfd.(*FD).Drain", 1)
	require.False(t, a.Close(), "somebody does")
	_, err := b.Write([]byte("never read"))
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, b)
	require.NoError(t, err)
	require.Empty(t, drained)
	b.Close()
	require.NoError(t, receive(t, drained))
	a.Evict()
	a.Destroy(true)
}

func TestDrainEndsWithoutThePeer(t *testing.T) {
	a, _ := graceful(t)
	require.True(t, a.BeginClose())
	require.Equal(t, os.ErrDeadlineExceeded, a.Drain(soon))
	a.Evict()
	a.Destroy(true)
}

func TestDrainIsForThoseWhoWantIt(t *testing.T) {
	eachKind(t, func(t *testing.T, a, _ *FD) {
		require.True(t, a.BeginClose())
		require.NoError(t, a.Drain(patience))
		a.Evict()
		a.Destroy(true)
	})
}
