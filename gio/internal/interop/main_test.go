package interop_test

import (
	"bytes"
	"context"
	"errors"
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
	if err := warmUp(); err != nil {
		fmt.Fprintln(os.Stderr, "the library does not work at all:", err)
		os.Exit(1)
	}
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
			for _, fd := range descriptorsNow() {
				what, _ := os.Readlink("/proc/self/fd/" + fd)
				fmt.Fprintf(os.Stderr, "  %s: %s\n", fd, what)
			}
			_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
			code = 1
		}
	}
	os.Exit(code)
}

// warmUp has Go and GLib open what they keep for good, such as the pollers.
func warmUp() error {
	glibloop.Default().MainContext().Iteration(false)
	svc := gio.NewSocketService(nil)
	defer svc.Close()
	addr, err := svc.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	client := gio.NewSocketClient(&gio.ClientConfig{DisableProxy: true})
	defer client.Close()
	theirs, err := client.Dial(context.Background(), addr.Network(), addr.String())
	if err != nil {
		return err
	}
	defer theirs.Close()
	ours, _, err := svc.Accept(context.Background())
	if err != nil {
		return err
	}
	return errors.Join(ours.SetDeadline(time.Now().Add(patience)), ours.Close())
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
	return goroutines, len(descriptorsNow())
}

func descriptorsNow() (names []string) {
	dir, _ := os.ReadDir("/proc/self/fd")
	for _, fd := range dir {
		names = append(names, fd.Name())
	}
	return names
}
