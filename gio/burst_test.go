package gio_test

import (
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// systemBacklog is the most that listen(2) grants here.
func systemBacklog(t testing.TB) int {
	t.Helper()
	b, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	require.NoError(t, err)
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	require.NoError(t, err)
	return n
}

// A client that found the queue full would be refused (Unix), or not be heard of
// before its SYN is sent again, after a second (TCP).
func TestABurstWaitsInTheQueue(t *testing.T) {
	const clients = 1500
	if most := systemBacklog(t); most < clients {
		t.Skipf("net.core.somaxconn is %d: the system's queue has no room for %d clients", most, clients)
	}
	for _, network := range []string{"tcp", "unix"} {
		for name, open := range map[string]func() *gio.SocketListener{
			"listener": func() *gio.SocketListener { return gio.NewSocketListener(nil) },
			"service":  func() *gio.SocketListener { return &gio.NewSocketService(nil).SocketListener },
			"set to nothing": func() *gio.SocketListener {
				l := gio.NewSocketListener(&gio.ListenerConfig{Backlog: 3})
				l.SetBacklog(0)
				return l
			},
		} {
			t.Run(network+"/"+name, func(t *testing.T) {
				l := open()
				defer l.Close()
				address := "127.0.0.1:0"
				if network == "unix" {
					address = abstract(t)
				}
				addr, err := l.Listen(network, address)
				require.NoError(t, err)
				errs := burst(t, addr, clients)
				require.Empty(t, errs, "%d of %d clients", len(errs), clients)
			})
		}
	}
}

// burst connects that many clients at once and returns why some could not.
func burst(t *testing.T, addr net.Addr, clients int) (errs []error) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for range clients {
		wg.Add(1)
		go func() {
			defer wg.Done()
			<-begin
			began := time.Now()
			c, err := net.DialTimeout(addr.Network(), addr.String(), 3*time.Second)
			if err == nil && time.Since(began) > 900*time.Millisecond {
				err = os.ErrDeadlineExceeded // its SYN was dropped
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
			}
			if c != nil {
				t.Cleanup(func() { _ = c.Close() })
			}
		}()
	}
	close(begin)
	wg.Wait()
	return errs
}
