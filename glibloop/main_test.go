package glibloop_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/glibloop"
)

// patience is for what happens at once unless it never does.
const patience = 20 * time.Second

// childEnv names the entry of children that this process is to run.
const childEnv = "GLIBLOOP_TEST_CHILD"

// children are programs of their own: their main runs on the process's main
// thread, and what crashes there crashes nobody else.
var children = map[string]func(){}

// The main goroutine stays on the main thread, as in a GTK program.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		children[name]()
		os.Exit(0)
	}
	code := m.Run()
	if code == 0 {
		if err := leaks(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// leaks names goroutines of the package that outlive the tests.
func leaks() error {
	for deadline := time.Now().Add(patience); ; runtime.Gosched() {
		var stacks bytes.Buffer
		_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
		var left []string
		for _, g := range strings.Split(stacks.String(), "\n\n") {
			if strings.Contains(g, "glibloop.") && !strings.Contains(g, "TestMain") {
				left = append(left, g)
			}
		}
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.New("goroutines left:\n" + strings.Join(left, "\n\n"))
		}
	}
}

// child runs an entry of children and returns its exit status and output.
func child(t *testing.T, name string) (status int, output string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(bg, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+name)
	out, err := cmd.CombinedOutput()
	require.NoError(t, ctx.Err(), "the child hangs:\n%s", out)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// newLoop is a loop that is closed with the test.
func newLoop(t testing.TB) *glibloop.Loop {
	t.Helper()
	l := glibloop.New()
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// receive fails the test when nothing comes.
func receive[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		require.FailNow(t, "nothing came")
		panic("unreachable")
	}
}

// block keeps l's thread in a posted function until the result is called.
func block(t testing.TB, l *glibloop.Loop) (release func()) {
	t.Helper()
	started, end := make(chan struct{}), make(chan struct{})
	require.NoError(t, l.Post(func() {
		close(started)
		<-end
	}))
	receive(t, started)
	return func() { close(end) }
}

// iterated waits until somebody iterates l. A flush could not tell: the Call
// does the work itself where nobody owns the context yet.
func iterated(t testing.TB, l *glibloop.Loop) {
	t.Helper()
	started := make(chan struct{})
	require.NoError(t, l.Post(func() { close(started) }))
	receive(t, started)
}

// flush waits until what was posted to l before has run.
func flush(t testing.TB, l *glibloop.Loop) {
	t.Helper()
	ctx, cancel := context.WithTimeout(bg, patience)
	defer cancel()
	require.NoError(t, l.Call(ctx, func() error { return nil }))
}

// adopted is a loop for a context that nobody iterates.
func adopted(t testing.TB) *glibloop.Loop {
	t.Helper()
	l := glibloop.Adopt(newContext())
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// runInBackground runs l until the test ends.
func runInBackground(t testing.TB, l *glibloop.Loop) {
	t.Helper()
	ctx, cancel := context.WithCancel(bg)
	result := make(chan error, 1)
	go func() { result <- l.Run(ctx) }()
	iterated(t, l)
	t.Cleanup(func() {
		cancel()
		receive(t, result)
	})
}
