package servertest

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// Command prepares a run of a program that everybody has, such as curl, for the
// time of the test. One that is not installed fails the test in CI, where
// scripts/deps --test has installed them all.
func Command(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			require.NoError(t, err)
		}
		t.Skip(err)
	}
	return exec.CommandContext(t.Context(), path, args...)
}
