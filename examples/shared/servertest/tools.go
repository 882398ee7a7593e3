package servertest

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// Tool is the path of a program that the system has, or should have: without
// it the test is skipped, and fails in CI, where scripts/deps has installed it.
func Tool(t *testing.T, name, from string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name, from)
	}
	return path
}

// PyGObject is a Python that has GIO: the system's own one, when another comes
// first in PATH.
func PyGObject(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(t.Context(), name, "-c", "from gi.repository import Gio").Run() == nil {
			return name
		}
	}
	missing(t, "PyGObject", "python3-gi")
	return ""
}

func missing(t *testing.T, what, from string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed (package %s)", what, from)
	}
	t.Skipf("%s is not installed (package %s)", what, from)
}

// Activated is a command that starts a program as systemd does, with sockets
// from descriptor 3 on. The shell knows its process id, and exec keeps it.
func Activated(program string, sockets []*os.File, args ...string) *exec.Cmd {
	cmd := exec.Command("sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, program}, args...)...)
	cmd.Env = []string{fmt.Sprintf("LISTEN_FDS=%d", len(sockets))}
	cmd.ExtraFiles = sockets
	return cmd
}
