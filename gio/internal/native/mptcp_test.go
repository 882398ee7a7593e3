package native

import (
	"context"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/glibloop"
)

// unheard hears of a listener, and of its end alone.
type unheard struct {
	ListenerCallbacks
	finished chan struct{}
}

func (u unheard) Finished() { close(u.finished) }

// listening is a listener with one socket as package net makes it, of Multipath TCP
// where the kernel has that, and a duplicate of that.
func listening(t *testing.T) (in Incoming, fd int) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	f, err := ln.(*net.TCPListener).File()
	require.NoError(t, err)
	defer f.Close()
	theirs, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	require.NoError(t, err)

	loop := glibloop.New()
	t.Cleanup(func() { _ = loop.Close() })
	up := unheard{finished: make(chan struct{})}
	n := NewListener(KindListener, up, loop, false, 8)
	require.NoError(t, loop.Call(context.Background(), func() error {
		_, err := n.AddFD(theirs, nil)
		if err == nil {
			in, fd, err = n.ListeningDup(0)
		}
		return err
	}))
	t.Cleanup(func() {
		_ = unix.Close(fd)
		_ = loop.Post(n.Close)
		<-up.finished
		n.Forget()
	})
	return in, fd
}

// Others may make it a blocking one right after it was looked at. Each accept is on
// a thread that ends with it, and some have the signal blocked that interrupts them.
func TestAcceptWaitsInNoMode(t *testing.T) {
	from, fd := listening(t)
	for range 20 {
		require.NoError(t, unix.SetNonblock(fd, false))
		const threads = 8
		errs := make(chan syscall.Errno, threads)
		for i := range threads {
			go func() {
				runtime.LockOSThread()
				if i%2 == 0 {
					urgent := unix.Sigset_t{}
					urgent.Val[0] = 1 << (unix.SIGURG - 1)
					_ = unix.PthreadSigmask(unix.SIG_BLOCK, &urgent, nil)
				}
				in := from
				errs <- in.Accept(fd)
			}()
		}
		for range threads {
			select {
			case err := <-errs:
				require.Equal(t, syscall.EAGAIN, err)
			case <-time.After(20 * time.Second):
				t.Fatal("accept waits for a client")
			}
		}
	}
}
