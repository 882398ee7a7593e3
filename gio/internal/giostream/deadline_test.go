package giostream

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const patience = 20 * time.Second

func requireDone(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the deadline does not pass")
	}
}

func TestDeadlinePasses(t *testing.T) {
	expired := make(chan struct{}, 3)
	d := deadline{expire: func() { expired <- struct{}{} }}
	require.False(t, d.passed())
	d.set(time.Time{})
	require.False(t, d.passed())
	d.set(time.Now().Add(time.Millisecond))
	requireDone(t, d.done())
	requireDone(t, expired)
	require.True(t, d.passed())
	d.set(time.Time{})
	require.False(t, d.passed(), "it was taken away")
	d.set(time.Unix(1, 0))
	require.True(t, d.passed(), "at once")
	requireDone(t, expired)
	d.set(time.Unix(2, 0))
	require.True(t, d.passed())
	require.Empty(t, expired, "it had passed")
}

// Who waits already is bound by the deadline that replaces the one before.
func TestDeadlineIsReplaced(t *testing.T) {
	var d deadline
	d.set(time.Now().Add(time.Hour))
	done := d.done()
	d.set(time.Now().Add(2 * time.Hour))
	require.False(t, d.passed())
	d.set(time.Now().Add(time.Millisecond))
	requireDone(t, done)
	d.set(time.Now().Add(time.Hour))
	require.False(t, d.passed())
	d.set(time.Time{})
}
