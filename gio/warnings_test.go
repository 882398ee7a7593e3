package gio_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/glibloop"
)

// withoutWarnings runs the test in a process of its own that GLib ends at the
// first warning it logs. It returns true in that process.
func withoutWarnings(t *testing.T) bool {
	t.Helper()
	child, _ := inChild(t, "G_DEBUG=fatal-warnings")
	return child
}

// GIO's close without stop logs tens of thousands of warnings.
func TestCloseStopsFirst(t *testing.T) {
	if !withoutWarnings(t) {
		return
	}
	loop := glibloop.New() // goes on after the service
	defer loop.Close()
	for range 20 {
		svc := gio.NewSocketService(&gio.ServiceConfig{Loop: loop})
		addr, err := svc.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		serve(t, svc, echo)
		connected := make(chan struct{}, 1)
		var stops []func()
		for range 4 {
			stops = append(stops, again(func() {
				if c, err := net.Dial("tcp", addr.String()); err == nil {
					_ = c.Close()
					select {
					case connected <- struct{}{}:
					default:
					}
				}
			}))
		}
		receive(t, connected)
		require.NoError(t, svc.Close())
		for _, stop := range stops {
			stop()
		}
		for range 50 { // what GIO would have to say, it says in these iterations
			require.NoError(t, loop.Call(context.Background(), func() error { return nil }))
		}
	}
}

func TestOutOfDescriptorsNoWarningIsLogged(t *testing.T) {
	if !withoutWarnings(t) {
		return
	}
	svc, addr := newService(t, &gio.ServiceConfig{Logger: quiet})
	serve(t, svc, echo)
	limitDescriptors(t, 512)
	for range 20 {
		sock := rawSocket(t)
		free := takeAllDescriptors(t)
		rawConnect(t, sock, addr)
		require.Eventually(t, func() bool { return svc.Paused()&gio.PauseDescriptors != 0 }, patience, time.Millisecond)
		free()
		rawSay(t, sock, "served")
	}
}
