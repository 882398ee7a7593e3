package gio_test

import (
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/gobject"
)

// Others get the service's GObject while goroutines accept for it: nobody is lost
// in between, and every connection has what GIO code wants of it.
func TestGotk4InDirectModeUnderLoad(t *testing.T) {
	handlers := map[string]gio.HandlerFunc{
		"io.Copy": echo,
		"Read and Write": func(_ context.Context, c *gio.SocketConnection) {
			b := make([]byte, 16)
			for {
				n, err := c.Read(b)
				if err != nil {
					return
				}
				_, _ = c.Write(b[:n])
			}
		},
		"Gotk4 of the connection": func(_ context.Context, c *gio.SocketConnection) {
			w := c.Gotk4()
			if w == nil {
				return
			}
			wrapped.Add(1)
			assert.True(t, w.IsConnected())
			_, _ = io.Copy(c, c) // by way of GSocket from now on
		},
	}
	for name, h := range handlers {
		t.Run(name, func(t *testing.T) {
			logged := gobject.Logs()
			for range 12 {
				s := newSourced(t, nil)
				servingDirectly(t, s.svc, func(ctx context.Context, c *gio.SocketConnection) {
					h(ctx, c)
					s.served.Add(1)
				})
				stop := make(chan struct{})
				lost := hammer(t, s.addrs[0], 6, stop)
				s.more(t, 300)
				require.NotNil(t, s.svc.Gotk4())
				require.False(t, s.svc.InDirect())
				s.more(t, 30)
				close(stop)
				served, missed := lost()
				require.Zero(t, missed)
				require.Positive(t, served)
				require.NoError(t, s.svc.Shutdown(context.Background()))
			}
			require.Equal(t, logged, gobject.Logs(), "GLib logs")
		})
	}
}
