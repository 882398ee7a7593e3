package glibloop

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOneWakeUpPerBatch(t *testing.T) {
	q := queue{pending: new(int32)}
	push := func() bool {
		wake, ok := q.push(item{fn: func() {}})
		require.True(t, ok)
		return wake
	}
	for range 3 {
		require.True(t, push(), "the loop may sleep")
		require.EqualValues(t, 1, *q.pending)
		for range 1000 {
			require.False(t, push(), "it was woken already")
		}
		for range 1001 {
			_, ok := q.take()
			require.True(t, ok)
			require.EqualValues(t, 1, *q.pending)
		}
		require.False(t, push(), "it is awake: it has not found the queue empty")
		_, ok := q.take()
		require.True(t, ok)
		_, ok = q.take()
		require.False(t, ok)
		require.Zero(t, *q.pending)
	}
}

func TestBurstLeavesLittleBehind(t *testing.T) {
	q := queue{pending: new(int32)}
	for range 100_000 {
		q.push(item{fn: func() {}})
	}
	for n := range 100_001 {
		it, ok := q.take()
		require.Equal(t, n < 100_000, ok)
		require.Equal(t, ok, it.fn != nil)
	}
	require.Nil(t, q.in)
	require.Nil(t, q.out)
	require.Equal(t, keepBlocks, q.nfree)
	for b := q.free; b != nil; b = b.next {
		for _, it := range b.items {
			require.Nil(t, it.fn, "it keeps what the function refers to")
		}
	}
}
