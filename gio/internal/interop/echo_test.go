package interop_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/testprogram"
)

// echoServers are MAPPING.md's, in testdata/echo; command runs a source.
var echoServers = []struct {
	fence, file string
	command     func(t *testing.T, source string) []string
}{
	{"go", "echo.go", func(t *testing.T, source string) []string {
		bin := filepath.Join(t.TempDir(), "program")
		run(t, slices.Concat([]string{"go", "build"}, buildFlags(), []string{"-o", bin, source})...)
		return []string{bin}
	}},
	{"c", "echo.c", func(t *testing.T, source string) []string { return compileC(t, source) }},
	{"python", "echo.py", func(t *testing.T, source string) []string {
		return []string{testprogram.PyGObject(t), source}
	}},
}

// buildFlags are those that the test was built with: of that kind of build gotk4 is
// in the build cache, and need not be compiled once more, for minutes.
func buildFlags() (flags []string) {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-race" || s.Key == "-asan" || s.Key == "-tags" {
			flags = append(flags, s.Key+"="+s.Value)
		}
	}
	return flags
}

func TestMappingsEchoServers(t *testing.T) {
	mapping, err := os.ReadFile("../../MAPPING.md")
	require.NoError(t, err)
	for _, s := range echoServers {
		t.Run(s.fence, func(t *testing.T) {
			t.Parallel()
			b, err := os.ReadFile(filepath.Join("testdata/echo", s.file))
			require.NoError(t, err)
			source := string(b)
			_, shown, _ := strings.Cut(string(mapping), "```"+s.fence+"\n")
			shown, _, _ = strings.Cut(shown, "```")
			require.Equal(t, source, shown, "MAPPING.md and testdata/echo/%s", s.file)

			require.Equal(t, 1, strings.Count(source, "9000"))
			free := filepath.Join(t.TempDir(), s.file)
			require.NoError(t, os.WriteFile(free, []byte(strings.Replace(source, "9000", "0", 1)), 0o600))
			// Go's log writes to standard error.
			server := start(t, append([]string{"sh", "-c", `exec "$@" 2>&1`, "sh"}, s.command(t, free)...)...)
			_, address, ok := strings.Cut(server.line(), "listening on ")
			require.True(t, ok)

			client := gio.NewSocketClient(&gio.ClientConfig{DisableProxy: true, Timeout: patience})
			defer client.Close()
			c, err := client.Dial(context.Background(), "tcp", address)
			require.NoError(t, err)
			defer c.Close()
			require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
			for _, size := range messageSizes {
				exchange(t, c, pattern(size))
			}
			require.NoError(t, c.CloseWrite())
			rest, err := io.ReadAll(c) // the server closes once its client has ended
			require.NoError(t, err)
			require.Empty(t, rest)
		})
	}
}
