package giotest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// Some promises can only be seen in a process of their own: as another user, in
// another directory, out of descriptors. Such a test runs its own program again:
// either one of the Helpers, or the test itself, see InChild.

const (
	helperVariable = "GLIBSERVE_TEST_HELPER"
	childVariable  = "GLIBSERVE_TEST_CHILD"
)

// Helpers are what such a process can do in place of the tests, by name. Test files
// enter theirs in an init.
var Helpers = map[string]func(args []string) error{}

func runHelper(name string) int {
	f := Helpers[name]
	if f == nil {
		fmt.Fprintln(os.Stderr, "no helper named", name)
		return 2
	}
	if err := f(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// Helper prepares a run of one of the helpers.
func Helper(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	require.Contains(t, Helpers, name)
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), helperVariable+"="+name)
	return cmd
}

// MustRun wants the helper to succeed; what it wrote is the failure's reason.
func MustRun(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, strings.TrimSpace(string(out)))
}

// IsChild tells whether this is the process that InChild runs the test in.
func IsChild(t testing.TB) bool { return os.Getenv(childVariable) == t.Name() }

// InChild runs the test again, in a process of its own, and wants it to pass. It
// returns true in that process; elsewhere what that wrote.
func InChild(t *testing.T, env ...string) (child bool, output string) {
	t.Helper()
	if IsChild(t) {
		return true, ""
	}
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(t.Name()), "/", "$/^") + "$"
	cmd := exec.Command(os.Args[0], "-test.run="+pattern, "-test.v", "-test.timeout=120s")
	cmd.Env = append(append(os.Environ(), childVariable+"="+t.Name()), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	if strings.Contains(string(out), "--- SKIP: "+t.Name()) {
		t.Skip(LastLines(string(out)))
	}
	require.Contains(t, string(out), "--- PASS: "+t.Name())
	return false, string(out)
}

// LastLines is what a test in a child logged, without GLib's warnings.
func LastLines(output string) string {
	var kept []string
	for line := range strings.Lines(output) {
		if strings.HasPrefix(line, "    ") && strings.Contains(line, ".go:") {
			kept = append(kept, strings.TrimSpace(line))
		}
	}
	return strings.Join(kept, "\n")
}

// pipesOfExec are those that os/exec left open: it makes one to tell a new process that
// its user IDs are mapped, and forgets that when the kernel refuses the process (Go 1.26).
var pipesOfExec atomic.Int64

// SkipWithoutNamespaces skips the test when a program did not start in its namespaces;
// err is that of starting it, or of running it.
func SkipWithoutNamespaces(t testing.TB, err error) {
	t.Helper()
	var exit *exec.ExitError
	if err == nil || errors.As(err, &exit) {
		return
	}
	pipesOfExec.Add(1)
	t.Skip("the system makes no namespaces for this user: ", err)
}
