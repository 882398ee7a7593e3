package netfd

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMutexRefusesAfterClose(t *testing.T) {
	var m fdMutex
	require.True(t, m.incref())
	require.True(t, m.lock(Reading))
	require.True(t, m.lock(Writing))
	require.True(t, m.close())
	require.False(t, m.close())
	require.False(t, m.incref())
	require.False(t, m.lock(Reading))
	last := start(func() bool { m.awaitLast(); return true })
	m.unlock(Reading)
	m.decref()
	waiting(t, "netfd.(*fdMutex).awaitLast", 1)
	require.Empty(t, last)
	m.unlock(Writing)
	receive(t, last)
	require.Nil(t, m.contention().queue[Reading])
}

func TestMutexCloseRefusesThoseWhoWait(t *testing.T) {
	for dir := Reading; dir <= Writing; dir++ {
		var m fdMutex
		require.True(t, m.lock(dir))
		require.True(t, m.lock(1-dir), "the other direction is free")
		m.unlock(1 - dir)
		got := make(chan bool, 3)
		for range cap(got) {
			go func() { got <- m.lock(dir) }()
		}
		waiting(t, "netfd.(*fdMutex).await", cap(got))
		require.True(t, m.close())
		for range cap(got) {
			require.False(t, receive(t, got))
		}
		m.unlock(dir)
		m.awaitLast()
	}
}

func TestMutexWakesOneAfterTheOther(t *testing.T) {
	var m fdMutex
	require.True(t, m.lock(Reading))
	got := make(chan bool, 5)
	for range cap(got) {
		go func() {
			ok := m.lock(Reading)
			m.unlock(Reading)
			got <- ok
		}()
	}
	waiting(t, "netfd.(*fdMutex).await", cap(got))
	m.unlock(Reading)
	for range cap(got) {
		require.True(t, receive(t, got))
	}
	require.Zero(t, m.word.Load(), "nothing is left behind")
}

// Everything at once: each direction is one goroutine's at a time, one closes, and
// it returns after the last has left.
func TestMutexHammer(t *testing.T) {
	for _, procs := range []int{1, 2, 4} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		for round := range 300 {
			var m fdMutex
			var inside [2]int // under the locks: the race detector looks as well
			var users atomic.Int64
			var closers atomic.Int64
			var wg sync.WaitGroup
			background := func(f func()) {
				wg.Add(1)
				go func() { defer wg.Done(); f() }()
			}
			for i := range 6 {
				dir := Direction(i % 2)
				background(func() {
					for m.lock(dir) {
						users.Add(1)
						inside[dir]++
						if inside[dir] != 1 {
							t.Errorf("%d have the lock of %d", inside[dir], dir)
						}
						if rand.IntN(4) == 0 {
							runtime.Gosched()
						}
						inside[dir]--
						users.Add(-1)
						m.unlock(dir)
					}
				})
			}
			background(func() {
				for m.incref() {
					users.Add(1)
					runtime.Gosched()
					users.Add(-1)
					m.decref()
				}
			})
			for range 2 {
				background(func() {
					for range round {
						runtime.Gosched()
					}
					if m.close() {
						closers.Add(1)
						m.awaitLast()
						if n := users.Load(); n != 0 {
							t.Errorf("%d use it after the end", n)
						}
					}
				})
			}
			wg.Wait()
			require.EqualValues(t, 1, closers.Load())
			require.EqualValues(t, closedBit, m.word.Load()&^lastBit)
		}
	}
}

func BenchmarkMutex(b *testing.B) {
	var m fdMutex
	for b.Loop() {
		m.lock(Reading)
		m.unlock(Reading)
	}
}
