package gio_test

import (
	"net"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// manyAddresses is as many as descriptors allow, with one for each of the spare
// number, the socket and Go's duplicate of it, and some for all else.
func manyAddresses(t *testing.T) int {
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	n := min(3000, (int(min(limit.Cur, 1<<20))-len(descriptors())-300)/3)
	require.Greater(t, n, 100)
	return n
}

// A service with very many addresses serves clients from when direct mode begins,
// and after Stop and Start, at each address.
func TestDirectModeOfManyAddresses(t *testing.T) {
	directly(t)
	svc := gio.NewSocketService(nil)
	defer svc.Close()
	addrs := make([]net.Addr, manyAddresses(t))
	for i := range addrs {
		addrs[i] = loopback(t, &svc.SocketListener, nil)
	}
	ends := []net.Addr{addrs[0], addrs[len(addrs)/2], addrs[len(addrs)-1]}
	visit := func(n int) {
		var all sync.WaitGroup
		for _, addr := range ends {
			all.Add(1)
			go func() {
				defer all.Done()
				rounds(t, addr, n, 4)
			}()
		}
		all.Wait()
	}
	stop := make(chan struct{})
	lost := hammer(t, addrs[0], 8, stop) // direct mode begins under load
	serve(t, svc, echo)
	visit(100)
	requireDirect(t, svc)
	for range 3 {
		svc.Stop()
		svc.Start()
		visit(30)
	}
	requireDirect(t, svc)
	close(stop)
	served, missed := lost()
	require.Zero(t, missed)
	require.Positive(t, served)
	for i := range addrs {
		if i%50 == 0 {
			rounds(t, addrs[i], 1, 1)
		}
	}
}

// An address that is added while goroutines accept is served by one as well.
func TestAddressesAddedInDirectModeAreServed(t *testing.T) {
	svc, first := newService(t, nil)
	servingDirectly(t, svc, echo)
	underFire(t, svc, first, func() {
		for range 100 {
			addr := loopback(t, &svc.SocketListener, nil)
			say(t, dial(t, addr), "new")
			requireDirect(t, svc)
		}
	})
}

// GIO hears of an address that is added during a pause when that ends.
func TestAddressesAddedDuringAPauseAreServed(t *testing.T) {
	byGIO(t)
	svc, first := newService(t, &gio.ServiceConfig{MaxConns: 3})
	add := func() net.Addr { return loopback(t, &svc.SocketListener, nil) }
	addrs := []net.Addr{first, add(), add()} // while there is no consumer
	svc.ConnectIncoming(takeIncoming)
	serveAll := func() {
		for _, addr := range addrs {
			c := dial(t, addr)
			say(t, c, "served")
			require.NoError(t, c.Close())
		}
	}
	serveAll()
	for _, restart := range []bool{false, true} {
		var full []net.Conn
		for range 3 {
			full = append(full, dial(t, first))
			say(t, full[len(full)-1], "takes a place")
		}
		addrs = append(addrs, add())
		waiting := dial(t, addrs[len(addrs)-1])
		addrs = append(addrs, add())
		if restart {
			svc.Stop()
			addrs = append(addrs, add())
			svc.Start()
		}
		for _, c := range full {
			require.NoError(t, c.Close())
		}
		say(t, waiting, "served")
		require.NoError(t, waiting.Close())
		serveAll()
	}
}
