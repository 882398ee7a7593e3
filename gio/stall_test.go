package gio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// tellingHandler passes each message on to somebody who waits for it.
type tellingHandler struct {
	slog.Handler
	told chan string
}

func (h tellingHandler) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	h.told <- r.Message
	return err
}

// stallers connect a handler that holds the loop until that was told.
var stallers = map[string]func(cfg *gio.ServiceConfig, hold func()) *gio.SocketService{
	"ConnectIncoming handler": func(cfg *gio.ServiceConfig, hold func()) *gio.SocketService {
		svc := gio.NewSocketService(cfg)
		svc.ConnectIncoming(func(*gio.SocketConnection, any) bool { hold(); return false })
		return svc
	},
	"ServiceConfig.Incoming": func(cfg *gio.ServiceConfig, hold func()) *gio.SocketService {
		cfg.Incoming = func(*gio.SocketConnection, any) bool { hold(); return false }
		return gio.NewSocketService(cfg)
	},
	"ConnectEvent handler": func(cfg *gio.ServiceConfig, hold func()) *gio.SocketService {
		svc := gio.NewSocketService(cfg)
		svc.ConnectEvent(func(e gio.ListenerEvent, _ net.Addr) {
			if e == gio.ListenerBound {
				hold()
			}
		})
		return svc
	},
	"ConnectNotifyActive handler": func(cfg *gio.ServiceConfig, hold func()) *gio.SocketService {
		svc := gio.NewSocketService(cfg)
		svc.ConnectNotifyActive(func(bool) { hold() })
		svc.Stop()
		return svc
	},
}

func init() {
	helpers["holds the loop"] = func(args []string) error {
		told := make(chan string, 16)
		cfg := &gio.ServiceConfig{Logger: slog.New(tellingHandler{slog.NewTextHandler(os.Stdout, nil), told})}
		svc := stallers[args[0]](cfg, func() { <-told })
		defer svc.Close()
		addr, err := svc.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		if strings.Contains(args[0], "ncoming") {
			c, err := net.Dial(addr.Network(), addr.String())
			if err != nil {
				return err
			}
			defer c.Close()
			if _, err := io.ReadAll(c); err != nil && !errors.Is(err, io.EOF) {
				return err
			}
		}
		fmt.Println("at the end:", <-told)
		return nil
	}
}

func TestStalledHandlerIsToldOfWithThePlaceOfConnecting(t *testing.T) {
	for what := range stallers {
		t.Run(what, func(t *testing.T) {
			cmd := helper(t, "holds the loop", what)
			cmd.Env = append(cmd.Env, "GLIBSERVE_DEBUG=stall=100ms")
			b, err := cmd.CombinedOutput()
			out := string(b)
			require.NoError(t, err, out)
			require.Equal(t, 1, strings.Count(out, "a callback holds the main loop"), out)
			require.Contains(t, out, what)
			require.Contains(t, out, "stall_test.go:")
			require.Contains(t, out, "gio_test.init", "the stack")
			require.Contains(t, out, "at the end: glibloop: the callback that held the main loop has returned")
		})
	}
}
