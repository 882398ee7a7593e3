// Package testprogram finds the programs that tests use as peers.
package testprogram

import (
	"os"
	"os/exec"
	"sync"
	"testing"
)

// Find returns the path of a program that is in a package of this name. Without it
// the test ends; see Lack.
func Find(t testing.TB, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Lack(t, pkg)
	}
	return path
}

// Lack ends a test for which a package, by Debian's name, is not installed: a
// failure in CI, where scripts/deps --test has installed them all.
func Lack(t testing.TB, pkg string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("not installed: " + pkg)
	}
	t.Skip("not installed: " + pkg)
}

// PyGObject is a Python that has GIO: the system's own one, when another comes
// first in PATH.
func PyGObject(t testing.TB) string {
	t.Helper()
	python := pygobject()
	if python == "" {
		Lack(t, "python3-gi")
	}
	return python
}

var pygobject = sync.OnceValue(func() string {
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(name, "-c", "from gi.repository import Gio").Run() == nil {
			return name
		}
	}
	return ""
})
