package gio_test

import (
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// Other code holds every descriptor, a client waits, and nothing spins.
func TestOutOfDescriptorsAcceptNeverSpins(t *testing.T) {
	byGIO(t) // an accept loop that ends gives a descriptor back, with which a client is served
	one, addr1 := newService(t, &gio.ServiceConfig{Logger: quiet})
	two, addr2 := newService(t, &gio.ServiceConfig{Logger: quiet})
	serve(t, one, echo)
	serve(t, two, echo)
	say(t, dial(t, addr1), "before")

	runtime.GC()
	limitDescriptors(t, 512)
	// The clients' sockets exist, and connect, before there are none left.
	socks := [2]int{rawSocket(t), rawSocket(t)}
	free := takeAllDescriptors(t)
	rawConnect(t, socks[0], addr1)
	rawConnect(t, socks[1], addr2)
	for _, svc := range []*gio.SocketService{one, two} {
		require.Eventually(t, func() bool { return svc.Paused()&gio.PauseDescriptors != 0 }, patience, time.Millisecond)
	}
	before := cpuTime(t)
	time.Sleep(300 * time.Millisecond) // the measured interval, not a wait
	spent := cpuTime(t) - before
	t.Logf("%v of CPU in 300 ms without descriptors", spent)
	require.Less(t, spent, 150*time.Millisecond, "spinning would take all of it")
	require.True(t, one.IsActive(), "a pause is no Stop")

	free()
	for i, svc := range []*gio.SocketService{one, two} {
		rawSay(t, socks[i], "served")
		require.Zero(t, svc.Paused()&gio.PauseDescriptors)
	}
}

func TestFewDescriptorsLeftServeAllTheSame(t *testing.T) {
	svc, addr := newService(t, &gio.ServiceConfig{Logger: quiet})
	serve(t, svc, echo)
	limitDescriptors(t, 256)
	rounds(t, addr, 2000, 16)
}

// serviceAbove serves on a socket whose number is higher than n.
func serviceAbove(t *testing.T, n int) (*gio.SocketService, net.Addr) {
	t.Helper()
	var all []*os.File
	for range n {
		f, err := os.Open(os.DevNull)
		require.NoError(t, err)
		all = append(all, f)
	}
	svc, addr := newService(t, &gio.ServiceConfig{Logger: quiet})
	for _, f := range all {
		require.NoError(t, f.Close())
	}
	serve(t, svc, echo)
	return svc, addr
}

// With the limit below the number of the listening socket, dup3(2) onto that
// number is refused, which Stop does.
func TestStopLosesNoClientAboveTheLimit(t *testing.T) {
	svc, addr := serviceAbove(t, 256)
	limitDescriptors(t, 200)
	underFire(t, svc, addr, func() {
		for range 1000 {
			svc.Stop()
			svc.Start()
		}
	})
}

// Stop lifts the limit for a moment where it is too low for dup3(2). Whoever
// sets it at that moment has what they set.
func TestStopLeavesTheLimitAsItIsSet(t *testing.T) {
	svc, addr := serviceAbove(t, 256)
	limitDescriptors(t, 500) // and what it was, at the end
	var old, now syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old))
	var stops atomic.Int64
	defer again(func() {
		svc.Stop()
		svc.Start()
		stops.Add(1)
	})()
	for i := range uint64(2000) {
		for _, n := range []uint64{150 + i%50, 400 + i%50} {
			want := old
			want.Cur = n
			require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &want))
			before := stops.Load()
			require.True(t, eventually(func() bool { return stops.Load() > before+1 }))
		}
		require.True(t, eventually(func() bool { // it may be lowered now, and comes back
			require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &now))
			return now.Cur == 400+i%50
		}))
	}
	say(t, dial(t, addr), "served")
}
