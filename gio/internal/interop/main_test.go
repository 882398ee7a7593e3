package interop_test

import (
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"

	"github.com/glibserve/glibserve/gio"
)

// TestMain wants back all goroutines and descriptors that the tests took.
func TestMain(m *testing.M) {
	_ = gio.NewSocketService(nil).Close() // Go and GLib open what they keep for good
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

func inUse() (goroutines, descriptors int) {
	dir, _ := os.ReadDir("/proc/self/fd")
	return runtime.NumGoroutine(), len(dir)
}
