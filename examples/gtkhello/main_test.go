package main

// Not an external test: a command cannot be imported.

import (
	"image"
	"image/png"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/display"
	"github.com/glibserve/glibserve/examples/shared/servertest"
)

func TestMain(m *testing.M) { servertest.Main(m, main) }

// start runs the program on a display of its own, where nothing may go wrong in
// GTK's eyes.
func start(t *testing.T) (d *display.Display, p *servertest.Process, path string) {
	t.Helper()
	if missing := display.Missing(); missing != "" {
		t.Skip(missing)
	}
	d, err := display.Start()
	require.NoError(t, err)
	t.Cleanup(d.Close)
	for name, value := range d.Env() {
		t.Setenv(name, value)
	}
	t.Setenv("G_DEBUG", "fatal-criticals")
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	p = servertest.Start(t)
	path = filepath.Join(dir, "gtkhello.sock")
	require.NoError(t, d.Focus(path)) // its title
	return d, p, path
}

func picture(t *testing.T, d *display.Display) *image.RGBA {
	t.Helper()
	p, err := d.Picture()
	require.NoError(t, err)
	return p
}

// settled waits until the picture is the same for half a second.
func settled(t *testing.T, d *display.Display) *image.RGBA {
	t.Helper()
	last, unchanged := picture(t, d), 0
	require.Eventually(t, func() bool {
		now := picture(t, d)
		if unchanged++; display.Changed(last, now, now.Bounds()) > 0 {
			unchanged = 0
		}
		last = now
		return unchanged == 5
	}, servertest.Patience, 100*time.Millisecond)
	return last
}

func TestLinesAreShown(t *testing.T) {
	d, p, path := start(t)
	last := settled(t, d)
	for _, lines := range []string{
		"Hello from a terminal\n",
		"The newest ten lines are shown\n",
		strings.Repeat("Many at once\n", 3) + "Not UTF-8: \xff\n",
	} {
		c, err := net.Dial("unix", path)
		require.NoError(t, err)
		_, err = c.Write([]byte(lines))
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			now := picture(t, d)
			return display.Changed(last, now, now.Bounds()) > 50
		}, servertest.Patience, 20*time.Millisecond)
		last = settled(t, d)
		require.NoError(t, c.Close())
	}
	if name := os.Getenv("GLIBSERVE_SCREENSHOT"); name != "" {
		f, err := os.Create(name)
		require.NoError(t, err)
		require.NoError(t, png.Encode(f, last.SubImage(image.Rect(0, 0, 480, 320))))
		require.NoError(t, f.Close())
	}
	p.Signal(os.Interrupt)
	require.Zero(t, p.Wait())
	require.Empty(t, p.Stderr())
	require.NoFileExists(t, path)
}

func TestASecondOneSaysWhy(t *testing.T) {
	_, _, path := start(t)
	p := servertest.Start(t)
	require.Equal(t, 1, p.Wait())
	require.Contains(t, p.Stderr(), path)
	require.Contains(t, p.Stderr(), "Address already in use")
}

func TestREADMEQuotesThisProgram(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	program, err := os.ReadFile("main.go")
	require.NoError(t, err)
	require.Contains(t, string(readme), "```go\n"+string(program)+"```\n")
}
