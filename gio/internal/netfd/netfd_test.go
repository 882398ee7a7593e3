package netfd

import (
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio/internal/native"
)

// patience is how long something may take that is sure to come.
const patience = 20 * time.Second

var past = time.Unix(1, 0)

// socketpair returns two descriptors without anything around them.
func socketpair(t testing.TB) [2]int {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	require.NoError(t, err)
	return fds
}

// tcp returns the two ends of a connection over the loopback.
func tcp(t testing.TB) [2]int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	dialed, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	defer dialed.Close()
	accepted, err := ln.Accept()
	require.NoError(t, err)
	defer accepted.Close()
	var fds [2]int
	for i, c := range []net.Conn{dialed, accepted} {
		raw, err := c.(*net.TCPConn).SyscallConn()
		require.NoError(t, err)
		require.NoError(t, raw.Control(func(fd uintptr) {
			fds[i], err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
		}))
		require.NoError(t, err)
	}
	return fds
}

func open(t testing.TB, c Config) *FD {
	t.Helper()
	fd := &FD{}
	fd.Init(c)
	t.Cleanup(func() { fd.Close() })
	return fd
}

// kinds are the ways in which a descriptor can begin.
var kinds = map[string]func(t testing.TB) (a, b *FD){
	"socketpair": func(t testing.TB) (a, b *FD) {
		fds := socketpair(t)
		return open(t, Config{FD: fds[0], Unix: true}), open(t, Config{FD: fds[1], Unix: true})
	},
	"tcp": func(t testing.TB) (a, b *FD) {
		fds := tcp(t)
		return open(t, Config{FD: fds[0]}), open(t, Config{FD: fds[1]})
	},
	"shared poller": func(t testing.TB) (a, b *FD) {
		fds := tcp(t)
		p := &SharedPoller{}
		t.Cleanup(p.Close)
		return open(t, Config{FD: fds[0], Shared: p}), open(t, Config{FD: fds[1], Shared: p})
	},
	"exposed": func(t testing.TB) (a, b *FD) {
		var both [2]*FD
		for i, n := range tcp(t) {
			c, err := native.ConnectionFromFD(n)
			require.NoError(t, err)
			both[i] = open(t, Config{FD: n, Connection: c, Exposed: true})
		}
		return both[0], both[1]
	},
}

func eachKind(t *testing.T, f func(t *testing.T, a, b *FD)) {
	for name, pair := range kinds {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t)
			f(t, a, b)
		})
	}
}

func receive[T any](t testing.TB, ch <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(patience):
		t.Fatalf("nothing came:\n%s", stacks())
	}
	return v
}

func start[T any](f func() T) <-chan T {
	ch := make(chan T, 1)
	go func() { ch <- f() }()
	return ch
}

func reading(fd *FD) <-chan error {
	return start(func() error {
		_, err := fd.Read(make([]byte, 1))
		return err
	})
}

// filling writes until nothing more goes out.
func filling(fd *FD) <-chan error {
	return start(func() error {
		for b := make([]byte, 1<<20); ; {
			if _, err := fd.Write(b); err != nil {
				return err
			}
		}
	})
}

func stacks() string {
	buf := make([]byte, 1<<20)
	return string(buf[:runtime.Stack(buf, true)])
}

// waiting waits until n goroutines inside the function are blocked.
func waiting(t testing.TB, function string, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return blockedIn(function) == n }, patience, time.Millisecond, "%d in %s", n, function)
}

// blockedIn counts the goroutines inside the function that are blocked.
func blockedIn(function string) (n int) {
	for _, g := range strings.Split(stacks(), "\n\n") {
		_, state, _ := strings.Cut(g, "[")
		if strings.Contains(g, function+"(") &&
			(strings.HasPrefix(state, "IO wait") || strings.HasPrefix(state, "sync.RWMutex.RLock") || strings.HasPrefix(state, "sync.Mutex.Lock")) {
			n++
		}
	}
	return n
}

func say(t testing.TB, from, to *FD, word string) {
	t.Helper()
	n, err := from.Write([]byte(word))
	require.NoError(t, err)
	require.Len(t, word, n)
	b := make([]byte, len(word))
	_, err = io.ReadFull(to, b)
	require.NoError(t, err)
	require.Equal(t, word, string(b))
}

func descriptors(t testing.TB) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(all)
}

// both runs the functions side by side and waits for them.
func both(functions ...func()) {
	var wg sync.WaitGroup
	for _, f := range functions {
		wg.Add(1)
		go func() {
			defer wg.Done()
			f()
		}()
	}
	wg.Wait()
}
