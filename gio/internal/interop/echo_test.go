package interop_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
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
		run(t, "go", "build", "-o", bin, source)
		return []string{bin}
	}},
	{"c", "echo.c", func(t *testing.T, source string) []string { return compileC(t, source) }},
	{"python", "echo.py", func(t *testing.T, source string) []string {
		return []string{testprogram.PyGObject(t), source}
	}},
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
