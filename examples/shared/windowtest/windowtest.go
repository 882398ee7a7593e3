// Package windowtest runs a program with a window that serves a Unix socket as its
// users do, on a display of its own.
package windowtest

import (
	"image"
	"image/png"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/display"
	"github.com/glibserve/glibserve/examples/shared/servertest"
)

// Start runs the program, where nothing may go wrong in GTK's eyes, until its window
// is there: the window's title is the path of the socket, of this name in
// $XDG_RUNTIME_DIR.
func Start(t *testing.T, socket string) (d *display.Display, p *servertest.Process, path string) {
	t.Helper()
	if missing := display.Missing(); missing != "" {
		t.Skip(missing) // a failure where CI=true: ci/skips does not list it
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
	path = filepath.Join(dir, socket)
	require.NoError(t, d.Focus(path))
	return d, p, path
}

// Changed waits until the screen differs from before, and then is the same for half a
// second: what it looks like then.
func Changed(t *testing.T, d *display.Display, before *image.RGBA) *image.RGBA {
	t.Helper()
	require.Eventually(t, func() bool {
		now := picture(t, d)
		return display.Changed(before, now, now.Bounds()) > 50
	}, servertest.Patience, 20*time.Millisecond)
	return Settled(t, d)
}

// Settled waits until the screen is the same for half a second.
func Settled(t *testing.T, d *display.Display) *image.RGBA {
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

func picture(t *testing.T, d *display.Display) *image.RGBA {
	t.Helper()
	p, err := d.Picture()
	require.NoError(t, err)
	return p
}

// Save writes the corner of a screen where the window is to the file that
// GLIBSERVE_SCREENSHOT names, if it does.
func Save(t *testing.T, screen *image.RGBA, width, height int) {
	t.Helper()
	name := os.Getenv("GLIBSERVE_SCREENSHOT")
	if name == "" {
		return
	}
	f, err := os.Create(name)
	require.NoError(t, err)
	require.NoError(t, png.Encode(f, screen.SubImage(image.Rect(0, 0, width, height))))
	require.NoError(t, f.Close())
}
