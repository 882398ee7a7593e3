package callerpc_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/glibloop/internal/callerpc"
)

//go:noinline
func callee() (got, want uintptr) {
	var pcs [1]uintptr
	runtime.Callers(2, pcs[:])
	return callerpc.Get(), pcs[0]
}

func inlined() (uintptr, uintptr) { return callee() }

func TestGetIsTheReturnAddressOfItsCaller(t *testing.T) {
	got, want := inlined()
	require.Equal(t, want, got)
	frame, _ := runtime.CallersFrames([]uintptr{got}).Next()
	require.True(t, strings.HasSuffix(frame.Function, ".inlined"), frame.Function)
}

func BenchmarkGet(b *testing.B) {
	for b.Loop() {
		callerpc.Get()
	}
}
