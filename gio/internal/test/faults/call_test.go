package faults_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/faults"
	"github.com/glibserve/glibserve/gio/internal/test/giotest"
)

// lifeOfAService listens, serves, pauses and closes. The error is Listen's or
// Serve's; refused counts clients that were let go, with the end of the stream
// or a reset, and not left hanging.
func lifeOfAService(t *testing.T, network, address string) (refused int, err error) {
	t.Helper()
	svc := gio.NewSocketService(&gio.ServiceConfig{Logger: giotest.Quiet, UnixMode: 0o666})
	defer func() { require.NoError(t, svc.Close()) }()
	addr, err := svc.Listen(network, address)
	if err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- svc.Serve(context.Background(), gio.HandlerFunc(giotest.Echo)) }()
	client := func() {
		c := giotest.Dial(t, addr)
		defer c.Close()
		if _, err := c.Write([]byte("hello")); err == nil {
			_, err = io.ReadFull(c, make([]byte, 5))
			require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
			if err == nil {
				return
			}
		}
		refused++
	}
	for range 3 {
		client()
	}
	svc.Stop()
	waiting := make(chan struct{})
	go func() { defer close(waiting); client() }()
	svc.Start()
	<-waiting
	require.NoError(t, svc.Close())
	require.ErrorIs(t, giotest.Receive(t, ended), gio.ErrServiceClosed)
	return refused, nil
}

// Each system call of C that a service makes from its first address to its end
// fails in turn, once. Either Listen says which errno it was, or clients are
// served; nothing is left open, and nobody waits for ever.
func TestAnyCallMayFail(t *testing.T) {
	for c := range faults.Calls {
		t.Run(c.String(), func(t *testing.T) {
			f, _ := faults.InChild(t)
			if f == nil {
				return
			}
			t.Run("tcp", func(t *testing.T) { failEachOf(t, f, c, "tcp", "127.0.0.1:0") })
			t.Run("unix", func(t *testing.T) { failEachOf(t, f, c, "unix", filepath.Join(t.TempDir(), "s")) })
		})
	}
}

func failEachOf(t *testing.T, f *faults.Injector, c faults.Call, network, address string) {
	const errno = syscall.ENOBUFS
	_, err := lifeOfAService(t, network, address) // what is opened once for good
	require.NoError(t, err)
	told, lost, n := 0, 0, 0
	for ; ; n++ {
		before := len(giotest.Descriptors())
		f.Fail(c, errno, n, 1)
		refused, err := lifeOfAService(t, network, address)
		hit := f.Stop(c)
		if err != nil {
			told++
			var op *net.OpError
			require.ErrorAs(t, err, &op)
			require.ErrorIs(t, err, errno)
		}
		require.LessOrEqual(t, refused, 1)
		lost += refused
		giotest.RequireSameDescriptors(t, before)
		_, err = os.Lstat(address)
		require.ErrorIs(t, err, os.ErrNotExist)
		if hit == 0 {
			break // there are no more
		}
	}
	t.Logf("failed in %d places: Listen told %d, %d clients let go", n, told, lost)
}

// The same with every call of a kind failing for as long as Listen takes.
func TestListenTellsWhichCallFails(t *testing.T) {
	for _, c := range []faults.Call{faults.Socket, faults.Bind, faults.Listen, faults.Socketpair, faults.DupFD, faults.Chmod} {
		t.Run(c.String(), func(t *testing.T) {
			f, _ := faults.InChild(t)
			if f == nil {
				return
			}
			giotest.NoLeaks(t)
			path := filepath.Join(t.TempDir(), "s")
			for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.ENOMEM, syscall.EROFS, syscall.EACCES, syscall.EMFILE} {
				svc := gio.NewSocketService(&gio.ServiceConfig{Logger: giotest.Quiet, UnixMode: 0o666})
				f.Fail(c, errno, 0, -1)
				_, err := svc.Listen("unix", path)
				f.Stop(c)
				giotest.RequireOpError(t, err, "listen", "unix", errno)
				require.ErrorContains(t, err, path)
				require.NoError(t, svc.Close())
				_, err = os.Lstat(path)
				require.ErrorIs(t, err, os.ErrNotExist, "%v left the path behind", errno)
			}
		})
	}
}

// A peer's address that cannot be asked for is no reason to lose the peer.
func TestClientWithoutAnAddressIsServed(t *testing.T) {
	f, _ := faults.InChild(t)
	if f == nil {
		return
	}
	svc, addr := giotest.NewService(t, nil)
	giotest.Serve(svc, func(_ context.Context, c *gio.SocketConnection) {
		_, _ = io.WriteString(c, c.RemoteAddr().Network()+"\n")
	})
	f.Fail(faults.Getpeername, syscall.ENOTCONN, 0, -1)
	for range 5 {
		b, err := io.ReadAll(giotest.Dial(t, addr))
		require.NoError(t, err)
		require.Equal(t, "tcp\n", string(b))
	}
}

// A signal to every thread, all the time: calls end early, and are made again.
func TestSignalsInterruptNothing(t *testing.T) {
	child, output := giotest.InChild(t)
	if !child {
		t.Log(giotest.LastLines(output))
		return
	}
	svc, addr := giotest.NewService(t, nil)
	giotest.Serve(svc, giotest.Echo)
	path := filepath.Join(t.TempDir(), "s")
	unix, err := svc.Listen("unix", path)
	require.NoError(t, err)
	stop, sent := make(chan struct{}), make(chan int)
	go func() { sent <- signalStorm(stop) }()
	giotest.UnderFire(t, svc, addr, func() {
		for range 200 {
			svc.Stop()
			svc.Start()
		}
		for range 20 {
			giotest.Say(t, giotest.Dial(t, unix), "unix")
			a, err := svc.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			giotest.Say(t, giotest.Dial(t, a), "new")
		}
	})
	cl := giotest.NewClient(t, nil)
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), giotest.Patience)
		c, err := cl.Dial(ctx, "tcp", addr.String())
		cancel()
		require.NoError(t, err)
		giotest.RequireEcho(t, c)
		_ = c.Close()
	}
	close(stop)
	t.Log(giotest.Receive(t, sent), "signals")
}

// signalStorm interrupts all threads of the process until stop is closed.
func signalStorm(stop <-chan struct{}) (sent int) {
	for {
		tasks, _ := os.ReadDir("/proc/self/task")
		for _, task := range tasks {
			select {
			case <-stop:
				return sent
			default:
			}
			tid := 0
			for _, digit := range task.Name() {
				tid = 10*tid + int(digit-'0')
			}
			// SIGURG is what Go interrupts its own threads with: it has a handler.
			_, _, errno := syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(os.Getpid()), uintptr(tid), uintptr(syscall.SIGURG))
			if errno == 0 {
				sent++
			}
		}
	}
}

// Descriptors that other code holds: the services wait at no cost and tell it
// once, a client that is in goes on, and one that is free serves.
func TestOutOfDescriptorsIsQuietAndEnds(t *testing.T) {
	// By GIO: an accept loop that ends gives a descriptor back, with which a client is served.
	child, output := giotest.InChild(t, "G_DEBUG=fatal-warnings", "GLIBSERVE_DEBUG=nodirect")
	if !child {
		t.Log(giotest.LastLines(output))
		return
	}
	logs := &giotest.Log{}
	const services = 3
	var svcs [services]*gio.SocketService
	var addrs [services]net.Addr
	var kept [services]net.Conn
	var socks [services]int
	for i := range svcs {
		svcs[i], addrs[i] = giotest.NewService(t, &gio.ServiceConfig{Logger: slog.New(slog.NewTextHandler(logs, nil))})
		giotest.Serve(svcs[i], giotest.Echo)
		kept[i] = giotest.Dial(t, addrs[i])
		giotest.Say(t, kept[i], "in before")
		socks[i] = giotest.RawSocket(t)
	}
	giotest.LimitDescriptors(t, 512)
	free := giotest.TakeAllDescriptors(t)
	for i := range svcs {
		giotest.RawConnect(t, socks[i], addrs[i])
		require.True(t, giotest.Eventually(func() bool { return strings.Count(logs.String(), "level=WARN") > i }), "no wait for descriptors is logged")
	}
	before := giotest.CPUTime(t)
	const interval = time.Second
	time.Sleep(interval) // what is measured, not a wait
	spent := giotest.CPUTime(t) - before
	t.Logf("%v of CPU in %v, %d services", spent, interval, services)
	require.Less(t, spent, interval/2, "spinning would take all of it")
	for _, c := range kept {
		giotest.Say(t, c, "goes on")
	}
	require.Equal(t, services, strings.Count(logs.String(), "level=WARN"), logs.String())
	free()
	for i := range svcs {
		giotest.RawSay(t, socks[i], "served")
	}
	require.Equal(t, services, strings.Count(logs.String(), "level=WARN"), logs.String())
}
