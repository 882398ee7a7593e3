package gio_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// Clients that go away at every moment leave nothing behind, whoever takes them.
func TestClientsThatVanish(t *testing.T) {
	vanish := func(addr net.Addr, i int) {
		c, err := net.Dial(addr.Network(), addr.String())
		if err != nil {
			return
		}
		if i%3 == 1 {
			_, _ = c.Write([]byte("half a"))
		}
		if i%2 == 0 {
			_ = c.(*net.TCPConn).SetLinger(0)
		}
		_ = c.Close()
	}
	for name, take := range map[string]func(svc *gio.ThreadedSocketService){
		"Serve": func(svc *gio.ThreadedSocketService) {
			go func() { _ = svc.Serve(context.Background(), gio.HandlerFunc(echo)) }()
		},
		"ConnectIncoming": func(svc *gio.ThreadedSocketService) {
			svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool {
				go func() { echo(t.Context(), c); _ = c.Close() }()
				return true
			})
		},
		"ConnectRun": func(svc *gio.ThreadedSocketService) { svc.ConnectRun(echoRun) },
	} {
		t.Run(name, func(t *testing.T) {
			svc, addr := newThreaded(t, 4, &gio.ServiceConfig{MaxConns: 8})
			take(svc)
			for i := range 300 {
				vanish(addr, i)
			}
			say(t, dial(t, addr), "still here")
			require.Eventually(t, func() bool { return svc.OpenConns() <= 1 }, patience, time.Millisecond)
		})
	}
}
