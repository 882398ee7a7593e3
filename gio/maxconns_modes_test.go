package gio_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// The limit holds across all changes of who takes the clients, and everybody is
// served in the end.
func TestMaxConnsHoldsWhileModesChange(t *testing.T) {
	const limit = 3
	eachMode(t, func(t *testing.T) {
		svc := gio.NewSocketService(&gio.ServiceConfig{MaxConns: limit})
		t.Cleanup(func() { require.NoError(t, svc.Close()) })
		var open, most atomic.Int64
		m := newModes(t, svc, func(c *gio.SocketConnection) {
			n := open.Add(1)
			for x := most.Load(); n > x && !most.CompareAndSwap(x, n); x = most.Load() {
			}
			echo(context.Background(), c)
			open.Add(-1) // before it is closed, which lets the next one in
		})
		clients := m.begin(4 * limit)
		m.run(hammerTime(t, 700*time.Millisecond), func() {
			require.LessOrEqual(t, svc.OpenConns(), limit, "with those that are pending")
		})
		served, lost := m.end(clients)
		t.Logf("%d served", served)
		require.Zero(t, lost)
		require.EqualValues(t, limit, most.Load(), "open at once")
		require.Positive(t, served)
	})
}
