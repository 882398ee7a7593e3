package giotest

import (
	"bytes"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// The tests ask no desktop for its proxy, and above all not dconf, which answers
// on a thread of its own.
func init() {
	_ = os.Setenv("GIO_USE_PROXY_RESOLVER", "dummy")
	_ = os.Setenv("GSETTINGS_BACKEND", "memory")
}

// NewClient makes a client that is closed with the test.
func NewClient(t testing.TB, cfg *gio.ClientConfig) *gio.SocketClient {
	t.Helper()
	c := gio.NewSocketClient(cfg)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// RequireEcho sends a line and closes.
func RequireEcho(t testing.TB, c *gio.SocketConnection) {
	t.Helper()
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(Patience)))
	_, err := c.Write([]byte("hello\n"))
	require.NoError(t, err)
	b := make([]byte, 6)
	_, err = io.ReadFull(c, b)
	require.NoError(t, err)
	require.Equal(t, "hello\n", string(b))
}

// Log keeps what is written to it, by any goroutine.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *Log) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *Log) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
