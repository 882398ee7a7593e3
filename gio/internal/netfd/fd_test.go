package netfd

import (
	"bytes"
	"io"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio/internal/native"
)

func TestBytesMove(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *FD) {
		say(t, a, b, "hello")
		for range 2 * maxSharedWaits { // through every way of waiting
			got := reading(b)
			waiting(t, "netfd.(*FD).Read", 1)
			_, err := a.Write([]byte("x"))
			require.NoError(t, err)
			require.NoError(t, receive(t, got))
		}
		n, err := a.Write(nil)
		require.NoError(t, err)
		require.Zero(t, n)
		n, err = a.Read(nil)
		require.NoError(t, err)
		require.Zero(t, n)
		a.Close()
		_, err = b.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
	})
}

func TestWriteIsWhole(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *FD) {
		const size, writers = 3 << 20, 3
		for i := range writers {
			go func() { _, _ = a.Write(bytes.Repeat([]byte{byte('a' + i)}, size)) }()
		}
		all := make([]byte, writers*size)
		_, err := io.ReadFull(b, all)
		require.NoError(t, err)
		for i := 0; i < len(all); i += size {
			require.Equal(t, bytes.Repeat(all[i:i+1], size), all[i:i+size], "another's in between")
		}
	})
}

// Whatever somebody waits for: Close wakes him, and closes once.
func TestCloseInEveryState(t *testing.T) {
	eachKind(t, func(t *testing.T, a, _ *FD) {
		ended := []<-chan error{reading(a)}
		waiting(t, "netfd.(*FD).do", 1)
		ended = append(ended, filling(a))
		waiting(t, "netfd.(*FD).do", 2)
		ended = append(ended, reading(a), filling(a)) // for the locks
		waiting(t, "netfd.(*fdMutex).await", 2)
		closed := make(chan bool, 3)
		for range cap(closed) {
			go func() { closed <- a.Close() }()
		}
		times := 0
		for range cap(closed) {
			if receive(t, closed) {
				times++
			}
		}
		require.Equal(t, 1, times)
		for _, ch := range ended {
			require.Equal(t, net.ErrClosed, receive(t, ch))
		}
		_, err := a.Read(make([]byte, 1))
		require.Equal(t, net.ErrClosed, err)
		_, err = a.Write([]byte("x"))
		require.Equal(t, net.ErrClosed, err)
		require.Equal(t, net.ErrClosed, a.SetDeadline(time.Now(), true, true))
		_, err = a.RawConn()
		require.Equal(t, net.ErrClosed, err)
		require.False(t, a.Acquire())
		a.SetIdleTimeout(time.Second)
	})
}

// Close while everything goes on, and nothing is left open.
func TestCloseHammer(t *testing.T) {
	for _, procs := range []int{1, 2} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		for name, pair := range kinds {
			before := descriptors(t)
			t.Run(name, func(t *testing.T) {
				for i := range 100 {
					a, b := pair(t)
					var closed atomic.Int64
					end := func() {
						for range i {
							runtime.Gosched()
						}
						if a.Close() {
							closed.Add(1)
						}
					}
					until := func(f func() error) func() {
						return func() {
							for f() == nil {
								runtime.Gosched()
							}
						}
					}
					both(
						until(func() error { _, err := a.Read(make([]byte, 16)); return err }),
						until(func() error { _, err := a.Write(make([]byte, 16)); return err }),
						until(func() error { _, err := a.Read(make([]byte, 16)); return err }),
						until(func() error { return a.SetDeadline(time.Now().Add(time.Hour), true, true) }),
						until(func() error {
							a.SetIdleTimeout(time.Hour)
							if a.Closed() {
								return net.ErrClosed
							}
							return nil
						}),
						until(func() error {
							if !a.Acquire() {
								return net.ErrClosed
							}
							defer a.Release()
							_, err := a.Objects()
							return err
						}),
						func() { _, _, _ = Copy(b, b, -1) },
						end, end,
						func() { <-start(func() bool { end(); return b.Close() }) },
					)
					require.EqualValues(t, 1, closed.Load())
				}
			})
			DropPipes()
			require.Eventually(t, func() bool { return descriptors(t) <= before }, patience, time.Millisecond)
		}
	}
}

// result is a Read's or Write's.
type result struct {
	n   int
	err error
}

func TestDeadlines(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *FD) {
		require.NoError(t, a.SetDeadline(time.Time{}, true, true), "there was none")
		got := reading(a)
		waiting(t, "netfd.(*FD).Read", 1)
		require.NoError(t, a.SetDeadline(past, true, false))
		require.Equal(t, os.ErrDeadlineExceeded, receive(t, got))
		_, err := b.Write([]byte("x"))
		require.NoError(t, err)
		_, err = a.Read(make([]byte, 1))
		require.Equal(t, os.ErrDeadlineExceeded, err, "although something is there")
		_, err = a.Write([]byte("x"))
		require.NoError(t, err, "the other direction")
		require.NoError(t, a.SetDeadline(past, false, true))
		n, err := a.Write([]byte("x"))
		require.Equal(t, os.ErrDeadlineExceeded, err)
		require.Zero(t, n)
		require.NoError(t, a.SetDeadline(time.Time{}, true, true))
		_, err = a.Read(make([]byte, 1))
		require.NoError(t, err)
		wrote := start(func() (r result) { r.n, r.err = a.Write(make([]byte, 64<<20)); return r })
		waiting(t, "netfd.(*FD).Write", 1)
		require.NoError(t, a.SetDeadline(time.Now().Add(time.Millisecond), false, true))
		r := receive(t, wrote)
		require.Equal(t, os.ErrDeadlineExceeded, r.err)
		require.Positive(t, r.n)
	})
}

// Its descriptors stay where they wait, but for those that wait often.
func TestSharedPollerIsForThoseWhoSeldomWait(t *testing.T) {
	var p SharedPoller
	defer p.Close()
	fds := tcp(t)
	a, b := open(t, Config{FD: fds[0], Shared: &p}), open(t, Config{FD: fds[1]})
	for i := range maxSharedWaits + 1 {
		got := reading(a)
		if i < maxSharedWaits {
			waiting(t, "netfd.(*FD).waitShared", 1)
			require.Nil(t, a.poller.Load())
		} else {
			waiting(t, "os.(*rawConn).Read", 2) // with the shared poller's own
			require.NotNil(t, a.poller.Load())
		}
		_, err := b.Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, receive(t, got))
	}
}

func TestSharedPollersEndMovesThoseWhoWait(t *testing.T) {
	var p SharedPoller
	fds := tcp(t)
	a, b := open(t, Config{FD: fds[0], Shared: &p}), open(t, Config{FD: fds[1]})
	got := reading(a)
	waiting(t, "netfd.(*FD).waitShared", 1)
	p.Close()
	waiting(t, "os.(*rawConn).Read", 1)
	_, err := b.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, receive(t, got))
	p.Start() // nothing starts after the end
	require.Nil(t, p.started.Load())
}

// The idle limit of a Read must not end what others wait for.
func TestRawConnHasTheUsersDeadlineAlone(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *FD) {
		raw, err := a.RawConn()
		require.NoError(t, err)
		a.SetIdleTimeout(soon)
		requireIdle(t, receive(t, reading(a)))
		got := reading(a)
		waiting(t, "netfd.(*FD).Read", 1)
		_, err = b.Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, receive(t, got))
		var come atomic.Bool
		ready := start(func() error { return raw.Read(func(uintptr) bool { return come.Load() }) })
		require.Eventually(t, func() bool { return a.poller.Load().idleAt[Reading].Load() == 0 }, patience, time.Millisecond)
		require.Empty(t, ready)
		come.Store(true)
		_, err = b.Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, receive(t, ready))
		require.NoError(t, a.SetDeadline(past, true, true))
		require.Equal(t, os.ErrDeadlineExceeded, raw.Read(func(uintptr) bool { return true }))
		require.Equal(t, os.ErrDeadlineExceeded, raw.Write(func(uintptr) bool { return true }))
		a.Close()
		require.Equal(t, net.ErrClosed, raw.Read(func(uintptr) bool { return true }))
		require.Equal(t, net.ErrClosed, raw.Control(func(uintptr) {}))
	})
}

// Objects are made once, whoever asks, and bytes move meanwhile.
func TestExposingWhileBytesMove(t *testing.T) {
	CountConnections.Store(true)
	defer CountConnections.Store(false)
	for range 100 {
		fds := tcp(t)
		a, b := open(t, Config{FD: fds[0]}), open(t, Config{FD: fds[1]})
		made := make(chan native.Connection, 4)
		for range cap(made) {
			go func() {
				c, err := a.Expose()
				if err != nil {
					t.Error(err)
				}
				made <- c
			}()
		}
		for range 20 {
			say(t, a, b, "word")
			say(t, b, a, "answer")
		}
		first := receive(t, made)
		for range cap(made) - 1 {
			require.Equal(t, first, receive(t, made))
		}
		require.True(t, a.Exposed())
		require.True(t, a.Close())
		_, err := b.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
		b.Close()
	}
	begun, ended := Counted()
	require.Equal(t, begun, ended)
}

// Others can't have what is not there: bytes move without GIO until it is.
func TestExposedNeedsObjects(t *testing.T) {
	fds := tcp(t)
	a, b := open(t, Config{FD: fds[0], Exposed: true}), open(t, Config{FD: fds[1]})
	require.False(t, a.Exposed())
	require.False(t, a.HasObjects())
	say(t, a, b, "hello")
	say(t, b, a, "hello")
	n, err := a.Objects()
	require.NoError(t, err)
	require.True(t, n.Valid())
	require.False(t, a.Exposed(), "they are ours alone")
	_, err = a.Expose()
	require.NoError(t, err)
	require.True(t, a.Exposed())
	_, err = a.Objects()
	require.NoError(t, err)
	require.True(t, a.Exposed(), "for good")
	say(t, b, a, "hello")
}

// GIO closed the GSocket: its number may be something else's by now.
func TestNothingGoesToADescriptorThatGIOClosed(t *testing.T) {
	fds := tcp(t)
	a := open(t, Config{FD: fds[0]})
	c, err := a.Expose()
	require.NoError(t, err)
	c.Ref()
	c.Close()
	for _, use := range []func() error{
		func() error { _, err := a.Read(make([]byte, 1)); return err },
		func() error { _, err := a.Write(make([]byte, 1)); return err },
		func() error { return a.SetDeadline(past, true, true) },
		func() error { _, err := a.RawConn(); return err },
	} {
		require.Equal(t, net.ErrClosed, use())
	}
	_ = syscall.Close(fds[1])
}

func TestReadAndWriteAllocateNothing(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *FD) {
		buf := make([]byte, 64)
		one := func() {
			_, err := a.Write(buf)
			if err == nil {
				_, err = b.Read(buf)
			}
			if err != nil {
				panic(err)
			}
		}
		require.Zero(t, testing.AllocsPerRun(200, one))
		a.SetIdleTimeout(time.Hour)
		require.NoError(t, a.SetDeadline(time.Now().Add(time.Hour), true, true))
		require.NoError(t, b.SetDeadline(time.Now().Add(time.Hour), true, true))
		require.Zero(t, testing.AllocsPerRun(200, one), "with the poller")
	})
}
