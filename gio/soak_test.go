package gio_test

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// resident is VmRSS in bytes, after a collection.
func resident(t *testing.T) int {
	t.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	b, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	for _, line := range strings.Split(string(b), "\n") {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(v), " kB"))
			require.NoError(t, err)
			return n * 1024
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

func TestMemoryIsFlat(t *testing.T) {
	n := 20_000
	if testing.Short() {
		n = 2_000
	}
	svc := gio.NewSocketService(nil)
	defer svc.Close()
	addr, err := svc.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = svc.Serve(context.Background(), gio.HandlerFunc(echo)) }()
	rounds(t, addr, n/2, 16)
	half := resident(t)
	rounds(t, addr, n/2, 16)
	full := resident(t)
	t.Logf("resident after %d connections: %d kB, after %d: %d kB", n/2, half/1024, n, full/1024)
	// The race detector and AddressSanitizer keep memory of their own.
	require.Less(t, full-half, 2<<20*raceFactor)
}
