package interop_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/glibloop"
)

// TestMain wants back all goroutines and descriptors that the tests took.
func TestMain(m *testing.M) {
	// Go and GLib open what they keep for good.
	_ = gio.NewSocketService(nil).Close()
	glibloop.Default().MainContext().Iteration(false)
	goroutines, descriptors := inUse()
	code := m.Run()
	for end := time.Now().Add(patience); code == 0; time.Sleep(10 * time.Millisecond) {
		runtime.GC() // a closed loop's context goes with the object
		g, d := inUse()
		if g <= goroutines && d <= descriptors {
			break
		}
		if time.Now().After(end) {
			fmt.Fprintf(os.Stderr, "FAIL: %d goroutines and %d descriptors before, %d and %d after\n", goroutines, descriptors, g, d)
			_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
			code = 1
		}
	}
	os.Exit(code)
}

// inUse counts the goroutines that are in code of this library. A thread of GIO's
// pool that has called Go counts as one for as long as it lives, which is 15 seconds
// after it had something to do.
func inUse() (goroutines, descriptors int) {
	var all bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&all, 2)
	for _, stack := range bytes.Split(all.Bytes(), []byte("\n\n")) {
		if bytes.Contains(stack, []byte("/glibserve/gio")) || bytes.Contains(stack, []byte("/glibserve/glibloop")) {
			goroutines++
		}
	}
	dir, _ := os.ReadDir("/proc/self/fd")
	return goroutines, len(dir)
}
