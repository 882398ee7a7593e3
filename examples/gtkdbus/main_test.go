package main

// Not an external test: a command cannot be imported.

import (
	"image"
	"image/png"
	"io"
	"net"
	"os"
	"os/exec"
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
	path = filepath.Join(dir, "gtkdbus.sock")
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

// say sends the signal with libdbus's own program.
func say(t *testing.T, path, text string) {
	t.Helper()
	out, err := exec.Command(servertest.Tool(t, "dbus-send", "dbus"), "--peer=unix:path="+path, "--type=signal",
		"/com/example", "com.example.Say", "string:"+text).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func TestSignalsOfPeersAreShown(t *testing.T) {
	d, p, path := start(t)
	last := settled(t, d)
	for _, text := range []string{"Hello by D-Bus", "And another one"} {
		say(t, path, text)
		require.Eventually(t, func() bool {
			now := picture(t, d)
			return display.Changed(last, now, now.Bounds()) > 50
		}, servertest.Patience, 20*time.Millisecond)
		last = settled(t, d)
	}
	if name := os.Getenv("GLIBSERVE_SCREENSHOT"); name != "" {
		f, err := os.Create(name)
		require.NoError(t, err)
		require.NoError(t, png.Encode(f, last.SubImage(image.Rect(0, 0, 480, 120))))
		require.NoError(t, f.Close())
	}
	p.Signal(os.Interrupt)
	require.Zero(t, p.Wait())
	require.Empty(t, p.Stderr())
	require.NoFileExists(t, path)
}

// Whoever does not speak D-Bus is told of on the terminal, and sent away.
func TestAStrangerIsSentAway(t *testing.T) {
	_, p, path := start(t)
	c, err := net.Dial("unix", path)
	require.NoError(t, err)
	require.NoError(t, c.SetDeadline(time.Now().Add(servertest.Patience)))
	_, err = c.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, c)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded) // the end, or a reset: it has not read all
	require.Eventually(t, func() bool { return strings.Contains(p.Stderr(), "no D-Bus peer") }, servertest.Patience, 10*time.Millisecond)
	p.Signal(os.Interrupt)
	require.Zero(t, p.Wait())
}
