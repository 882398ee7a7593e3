package netfd

import (
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// soon is an idle limit that passes while a test waits for it.
const soon = 10 * time.Millisecond

func requireIdle(t testing.TB, err error) {
	t.Helper()
	require.ErrorIs(t, err, ErrIdleTimeout)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

func TestIdleLimitEndsEveryWait(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *FD) {
		a.SetIdleTimeout(soon)
		require.Equal(t, soon, a.IdleTimeout())
		for range 2 * maxSharedWaits { // through every way of waiting
			requireIdle(t, receive(t, reading(a)))
		}
		requireIdle(t, receive(t, filling(a)))
		_, _, err := Copy(a, a, -1)
		requireIdle(t, err)
		a.SetIdleTimeout(0)
		got := reading(a)
		_, err = b.Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, receive(t, got), "the descriptor lives")
	})
}

func TestBytesPutTheIdleLimitOff(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *FD) {
		a.SetIdleTimeout(time.Hour)
		got := reading(a)
		waiting(t, "netfd.(*FD).Read", 1)
		a.Age(59 * time.Minute)
		_, err := a.Write([]byte("x"))
		require.NoError(t, err)
		a.Age(59 * time.Minute) // the Read waits for two hours, but the Write was later
		waiting(t, "netfd.(*FD).Read", 1)
		require.Empty(t, got)
		a.Age(2 * time.Minute)
		requireIdle(t, receive(t, got))
		_ = b
	})
}

// Only bytes count: a Write that moves none is no sign of life.
func TestWritesThatFailDoNotPutTheIdleLimitOff(t *testing.T) {
	a, _ := unixPair(t) // of TCP the kernel takes a little more now and then
	filled := filling(a)
	waiting(t, "netfd.(*FD).Write", 1)
	require.NoError(t, a.SetDeadline(past, false, true))
	require.Equal(t, os.ErrDeadlineExceeded, receive(t, filled))
	a.SetIdleTimeout(time.Hour)
	got := reading(a)
	waiting(t, "netfd.(*FD).Read", 1)
	a.Age(59 * time.Minute)
	for _, deadline := range []time.Time{past, time.Now().Add(time.Millisecond)} {
		require.NoError(t, a.SetDeadline(deadline, false, true))
		n, err := a.Write([]byte("heartbeat"))
		require.Equal(t, os.ErrDeadlineExceeded, err)
		require.Zero(t, n)
	}
	require.NoError(t, a.SetDeadline(time.Time{}, false, true))
	wrote := start(func() error { _, err := a.Write([]byte("heartbeat")); return err })
	waiting(t, "netfd.(*FD).Write", 1)
	require.Empty(t, got)
	a.Age(2 * time.Minute)
	requireIdle(t, receive(t, got))
	a.Age(time.Hour)
	requireIdle(t, receive(t, wrote))
}

// The limit may pass anywhere on the way to where one waits.
func TestIdleLimitThatIsTiny(t *testing.T) {
	var p SharedPoller
	defer p.Close()
	for i := range 1000 {
		fds := tcp(t)
		a, b := open(t, Config{FD: fds[0], Shared: &p}), open(t, Config{FD: fds[1]})
		a.SetIdleTimeout(time.Duration(1 + 20*i))
		requireIdle(t, receive(t, reading(a)))
		requireIdle(t, receive(t, reading(a)))
		a.Close()
		b.Close()
	}
}

// The limit has passed when the descriptor gets its place in the shared poller.
func TestIdleLimitThatHasPassedWakesInTheSharedPoller(t *testing.T) {
	var p SharedPoller
	defer p.Close()
	fds := tcp(t)
	a := open(t, Config{FD: fds[0], Shared: &p, IdleTimeout: time.Hour})
	open(t, Config{FD: fds[1]})
	a.beginWait(Reading, false)
	a.Age(2 * time.Hour)
	require.True(t, receive(t, start(a.waitShared)))
	require.True(t, a.idle.passed(Reading))
}

func TestIdleLimitReachesWhatWaitsAlready(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *FD) {
		for range 2 * maxSharedWaits {
			got := reading(a)
			waiting(t, "netfd.(*FD).Read", 1)
			a.SetIdleTimeout(soon)
			requireIdle(t, receive(t, got))
			a.SetIdleTimeout(0)
		}
		wrote := filling(a)
		waiting(t, "netfd.(*FD).Write", 1)
		a.SetIdleTimeout(time.Hour)
		a.SetIdleTimeout(soon)
		requireIdle(t, receive(t, wrote))
		_ = b
	})
	eachKind(t, func(t *testing.T, a, b *FD) {
		copied := start(func() error { _, _, err := Copy(a, a, -1); return err })
		for range 2 * maxSharedWaits {
			say(t, b, b, "round")
		}
		a.SetIdleTimeout(soon)
		requireIdle(t, receive(t, copied))
	})
}

func TestIdleLimitThatIsTakenAwayIsNone(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *FD) {
		a.SetIdleTimeout(time.Hour)
		got := reading(a)
		waiting(t, "netfd.(*FD).Read", 1)
		a.SetIdleTimeout(0)
		a.Age(2 * time.Hour)
		waiting(t, "netfd.(*FD).Read", 1)
		_, err := b.Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, receive(t, got))
	})
}

// The earlier of both ends the wait, and the limit leaves the deadline alone.
func TestIdleLimitAndDeadlines(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *FD) {
		a.SetIdleTimeout(time.Hour)
		require.NoError(t, a.SetDeadline(time.Now().Add(2*time.Hour), true, true))
		got := reading(a)
		waiting(t, "netfd.(*FD).Read", 1)
		a.Age(time.Hour)
		requireIdle(t, receive(t, got))
		require.NoError(t, a.SetDeadline(time.Now().Add(soon), true, true))
		require.Equal(t, os.ErrDeadlineExceeded, receive(t, reading(a)))
		require.Equal(t, os.ErrDeadlineExceeded, receive(t, reading(a)), "it has passed")
		got = start(func() error {
			_ = a.SetDeadline(time.Now().Add(time.Minute), true, true)
			_, err := io.ReadFull(a, make([]byte, 2))
			return err
		})
		for range 2 {
			_, err := b.Write([]byte("x"))
			require.NoError(t, err)
		}
		require.NoError(t, receive(t, got))
	})
}

// What an operation before has left in the file, and has passed, ends no wait when the user sets a deadline
// before the reader has looked whose it was.
func TestADeadlineThatReplacesAnIdleLimitEndsNoWait(t *testing.T) {
	for name, looks := range map[string]string{"Read": "netfd.(*FD).waitError", "RawConn": "netfd.(*rawConn).restoreDeadline"} {
		t.Run(name, func(t *testing.T) {
			eachKind(t, func(t *testing.T, a, b *FD) {
				require.NoError(t, a.SetDeadline(time.Now().Add(time.Hour), true, false)) // a place in the poller
				a.SetIdleTimeout(time.Millisecond)
				requireIdle(t, receive(t, reading(a)))
				_, err := b.Write([]byte("x"))
				require.NoError(t, err)
				raw, err := a.RawConn()
				require.NoError(t, err)
				read := func() error { return raw.Read(func(uintptr) bool { return true }) }
				if name == "Read" {
					read = func() error { _, err := a.Read(make([]byte, 1)); return err }
				}
				p := a.poller.Load()
				a.mu.Lock()
				a.idle.limit.Store(0)
				errc := make(chan error, 1)
				require.NoError(t, p.setDeadline(Reading, time.Unix(1, 0), 1)) // as of an idle limit
				go func() { errc <- read() }()
				waiting(t, looks, 1)
				require.NoError(t, p.setDeadline(Reading, time.Now().Add(time.Hour), 0))
				a.mu.Unlock()
				require.NoError(t, receive(t, errc))
			})
		})
	}
}
