//go:build linux

package main

// Not an external test: a command cannot be imported.

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/ci/soak/rival"
	"github.com/glibserve/glibserve/ci/soak/server"
	"github.com/glibserve/glibserve/ci/soak/wire"
	"github.com/glibserve/glibserve/examples/shared/program"
	"github.com/glibserve/glibserve/examples/shared/servertest"
)

// The test binary is the server and the load, too.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && (os.Args[1] == asServer || os.Args[1] == asLoad || os.Args[1] == rival.As) {
		main()
	}
	servertest.Main(m, main)
}

// soaked runs the program and returns its status and what it printed.
func soaked(t *testing.T, ctx context.Context, args ...string) (int, string) {
	t.Helper()
	t.Setenv("TMPDIR", shortDir(t))
	var out, errs bytes.Buffer
	status := run(ctx, args, &out, &errs)
	t.Logf("soak %v: status %d\n%s%s", args, status, out.String(), errs.String())
	return status, out.String()
}

// shortDir is a directory whose name leaves room for a socket's: t.TempDir has
// the test's name in it.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "s") //nolint:usetesting // its name is too long
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// figures are the numbers after a label at the beginning of a line.
func figures(t *testing.T, out, label string) (all []int) {
	t.Helper()
	m := regexp.MustCompile(`(?m)^ *` + regexp.QuoteMeta(label) + `((?: +[0-9.]+)+) *$`).FindStringSubmatch(out)
	require.NotNil(t, m, "no line for %q", label)
	for _, f := range regexp.MustCompile(`[0-9.]+`).FindAllString(m[1], -1) {
		n, err := strconv.ParseFloat(f, 64)
		require.NoError(t, err)
		all = append(all, int(n))
	}
	return all
}

// Ten seconds are a warm-up: memory is looked at by longer runs, hence -grow.
func TestTenSecondsOfEverythingLoseNothing(t *testing.T) {
	status, out := soaked(t, t.Context(), "-time", "10s", "-seed", "1", "-grow", "16")
	require.Zero(t, status)
	for k := range wire.Kinds {
		f := figures(t, out, k.String()) // connections, done, MiB, MiB, lost, corrupt, cut, again
		if k == wire.Stalled && strings.Contains(out, withoutTLS) {
			continue
		}
		require.Positive(t, f[1], "%v: none was done", k)
		require.Zero(t, f[4]+f[5], "%v: lost or corrupt", k)
	}
	for _, name := range faultNames {
		require.Positive(t, figures(t, out, name)[0], name)
	}
	require.Positive(t, figures(t, out, "services paused for want of descriptors")[0])
	require.Positive(t, figures(t, out, "panics of handlers that the library caught")[0])
}

// A server that does each of these must be found out.
func TestSabotageIsFound(t *testing.T) {
	finds := map[string]string{
		"corrupt":     `connections had wrong bytes, say the clients`,
		"lose":        `connections were lost, say the clients`,
		"descriptors": `descriptors grew by \d+`,
		"memory":      `resident memory grew by`,
		"goroutines":  `goroutines grew by \d+`,
		"objects":     `GObjects alive grew by \d+`,
	}
	for _, how := range server.Sabotages {
		t.Run(how, func(t *testing.T) {
			require.Contains(t, finds, how)
			args := []string{"-time", "2s", "-seed", "1", "-sabotage=" + how}
			if how != "memory" {
				args = append(args, "-grow", "16")
			}
			status, out := soaked(t, t.Context(), args...)
			require.Equal(t, program.Failure, status)
			require.Regexp(t, finds[how], out)
		})
	}
}

func TestShortConnectionsLeaveMemoryFlat(t *testing.T) {
	status, out := soaked(t, t.Context(), "-connections", "5000", "-clients", "8", "-grow", "8")
	require.Zero(t, status)
	require.Len(t, figures(t, out, "5000"), 7, "the last sample's row")
	status, out = soaked(t, t.Context(), "-connections", "5000", "-clients", "8", "-sabotage=memory")
	require.Equal(t, program.Failure, status)
	require.Contains(t, out, "resident memory grew by")
}

func TestCtrlCEndsWithTheSummary(t *testing.T) {
	t.Setenv("TMPDIR", shortDir(t))
	p := servertest.Start(t, "-time", "1h", "-seed", "1")
	require.Eventually(t, func() bool { return len(p.Stdout()) > 0 }, servertest.Patience, 10*time.Millisecond)
	p.Signal(syscall.SIGINT)
	p.Wait()
	require.Contains(t, p.Stdout(), "panics of handlers that the library caught")
}

func TestWrongFlagsAreRefused(t *testing.T) {
	for _, args := range [][]string{{"-time", "0s"}, {"-connections", "-1"}, {"-connections", "10"}, {"-clients", "0"}, {"-grow", "0"}, {"word"}} {
		var out, errs bytes.Buffer
		require.Equal(t, program.Usage, run(t.Context(), args, &out, &errs), fmt.Sprint(args))
		require.Contains(t, errs.String(), "Try 'soak -h'.")
	}
}
