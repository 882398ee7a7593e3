package gio_test

import (
	"context"
	"io"
	"net"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// leavers make something whose handler leaves by runtime.Goexit, and have it called.
var leavers = map[string]func() error{
	"ConnectIncoming handler": func() error {
		svc := gio.NewSocketService(nil)
		svc.ConnectIncoming(leaveIncoming)
		return dialOnce(&svc.SocketListener)
	},
	"ServiceConfig.Incoming": func() error {
		return dialOnce(&gio.NewSocketService(&gio.ServiceConfig{Incoming: leaveIncoming}).SocketListener)
	},
	"ConnectRun handler": func() error {
		svc := gio.NewThreadedSocketService(1, nil)
		svc.ConnectRun(leaveIncoming)
		return dialOnce(&svc.SocketListener)
	},
	"ServiceConfig.Run": func() error {
		return dialOnce(&gio.NewThreadedSocketService(1, &gio.ServiceConfig{Run: leaveIncoming}).SocketListener)
	},
	"ConnectEvent handler": func() error {
		svc := gio.NewSocketService(nil)
		svc.ConnectEvent(func(gio.ListenerEvent, net.Addr) { runtime.Goexit() })
		return dialOnce(&svc.SocketListener)
	},
	"ConnectNotifyActive handler": func() error {
		svc := gio.NewSocketService(nil)
		svc.ConnectNotifyActive(func(bool) { runtime.Goexit() })
		svc.Stop()
		return dialOnce(&svc.SocketListener) // what was posted by Stop comes before it
	},
	"notify handler": func() error {
		svc := gio.NewSocketService(nil)
		svc.ConnectNotifyBacklog(func(int) { runtime.Goexit() })
		svc.SetBacklog(7)
		return nil
	},
	"ConnectEvent handler of a client": func() error {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		client := gio.NewSocketClient(nil)
		client.ConnectEvent(func(gio.ClientEvent, string, net.Addr) { runtime.Goexit() })
		_, err = client.Dial(context.Background(), "tcp", ln.Addr().String())
		return err
	},
}

func leaveIncoming(*gio.SocketConnection, any) bool { runtime.Goexit(); return false }

// dialOnce waits for the end of one connection.
func dialOnce(l *gio.SocketListener) error {
	addr, err := l.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	c, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = io.ReadAll(c)
	return err
}

func init() {
	helpers["leaves by Goexit"] = func(args []string) error { return leavers[args[0]]() }
}

func TestGoexitInAHandlerEndsTheProgramWithItsName(t *testing.T) {
	for what := range leavers {
		t.Run(what, func(t *testing.T) {
			b, err := helper(t, "leaves by Goexit", what).CombinedOutput()
			out := string(b)
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, out)
			require.Equal(t, 2, exit.ExitCode(), "a Go program that panics:\n%s", out)
			name, _, _ := strings.Cut(what, " of a client")
			require.Contains(t, out, "panic: gio: "+name+" left by runtime.Goexit")
			require.Regexp(t, `registered at .*/callback_test\.go:\d+\n`, out)
			require.Contains(t, out, "gio_test.", "the stack")
		})
	}
}
