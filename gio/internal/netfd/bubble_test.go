//go:build go1.25

package netfd

import (
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// exercise waits in every way there is.
func exercise(t *testing.T, a, b *FD) {
	for range 2 * maxSharedWaits {
		got := make(chan error, 1)
		go func() {
			_, err := a.Read(make([]byte, 1))
			got <- err
		}()
		_, err := b.Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, <-got)
	}
	a.SetIdleTimeout(soon)
	for range 2 * maxSharedWaits { // real time: the bubble's stands still while somebody waits for a socket
		_, err := a.Read(make([]byte, 1))
		requireIdle(t, err)
	}
	require.NoError(t, a.SetDeadline(time.Now().Add(soon), true, true))
	_, err := a.Read(make([]byte, 1))
	require.Error(t, err)
	require.NoError(t, a.SetDeadline(time.Time{}, true, true))
	a.SetIdleTimeout(0)
}

// Inside and outside of a bubble, and from one bubble to the next.
func TestBubbles(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *FD) {
		for range 2 {
			synctest.Test(t, func(t *testing.T) { exercise(t, a, b) })
			exercise(t, a, b)
		}
	})
}

// Who waits outside is woken from inside, and the other way round.
func TestBubblesWakeAcross(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *FD) {
		got := reading(a)
		waiting(t, "netfd.(*FD).Read", 1)
		queued := reading(a)
		waiting(t, "netfd.(*fdMutex).await", 1)
		synctest.Test(t, func(t *testing.T) {
			_, err := b.Write([]byte("xy"))
			require.NoError(t, err)
		})
		require.NoError(t, receive(t, got))
		require.NoError(t, receive(t, queued))
		woken, read := make(chan struct{}), make(chan struct{}, 1)
		go func() {
			defer close(woken)
			untilOneReads()
			_, _ = a.Write([]byte("x"))
			<-read
			untilOneReads()
			b.Close()
		}()
		synctest.Test(t, func(t *testing.T) {
			_, err := b.Read(make([]byte, 1))
			require.NoError(t, err)
			read <- struct{}{}
			_, err = b.Read(make([]byte, 1))
			require.Equal(t, net.ErrClosed, err)
		})
		receive(t, woken)
	})
	eachKind(t, func(t *testing.T, a, _ *FD) {
		got := reading(a)
		waiting(t, "netfd.(*FD).Read", 1)
		synctest.Test(t, func(*testing.T) { a.Close() })
		require.Equal(t, net.ErrClosed, receive(t, got))
	})
}

// A pipe that is kept is closed by a timer, which a bubble would take with it.
func TestBubblesKeepNoPipes(t *testing.T) {
	DropPipes()
	synctest.Test(t, func(t *testing.T) {
		p, err := pipes.get()
		require.NoError(t, err)
		pipes.put(p)
	})
	require.Zero(t, DropPipes())
}

// One that was made, and waited, inside is used outside later.
func TestBubblesLeaveNothingBehind(t *testing.T) {
	for name, pair := range kinds {
		t.Run(name, func(t *testing.T) {
			var a, b *FD
			outer := t
			synctest.Test(t, func(t *testing.T) {
				a, b = pair(outer)
				exercise(t, a, b)
			})
			exercise(t, a, b)
		})
	}
}

// untilOneReads is for goroutines that can't fail the test.
func untilOneReads() {
	for blockedIn("netfd.(*FD).Read") != 1 {
		runtime.Gosched()
	}
}
