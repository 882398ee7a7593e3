// Package display runs programs with windows where nobody looks: on Xvfb, an
// X server that draws into a file, with real key events from xdotool.
package display

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Tools are the programs that this package needs; without one of them, a test
// cannot run.
var Tools = []string{"Xvfb", "xdotool"}

// Missing tells in a sentence what is not installed, or is empty.
func Missing() string {
	for _, tool := range Tools {
		if _, err := exec.LookPath(tool); err != nil {
			return tool + " is not installed (scripts/deps --test installs it)"
		}
	}
	return ""
}

// Width and Height are the size of a display, in pixels.
const Width, Height = 800, 600

// settings make GTK draw the same picture twice.
const settings = `[Settings]
gtk-cursor-blink=false
gtk-enable-animations=false
`

// Display is a running X server. One goroutine uses it.
type Display struct {
	name string // :99
	dir  string // the picture, and a home for the settings
	cmd  *exec.Cmd
}

// Start starts an X server on a number that is free. Close ends it.
func Start() (*Display, error) {
	dir, err := os.MkdirTemp("", "glibserve-display")
	if err != nil {
		return nil, err
	}
	d := &Display{dir: dir}
	if err := d.start(); err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("starting Xvfb: %w", err)
	}
	return d, nil
}

func (d *Display) start() error {
	config := filepath.Join(d.dir, "gtk-4.0")
	if err := os.Mkdir(config, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(config, "settings.ini"), []byte(settings), 0o600); err != nil {
		return err
	}
	number, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	defer number.Close()
	d.cmd = exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", fmt.Sprintf("%dx%dx24", Width, Height),
		"-fbdir", d.dir, "-nolisten", "tcp", "-noreset")
	d.cmd.ExtraFiles = []*os.File{theirs}
	err = d.cmd.Start()
	theirs.Close()
	if err != nil {
		return err
	}
	// It writes its number when it is ready, or ends.
	text, err := bufio.NewReader(number).ReadString('\n')
	if err == nil {
		d.name = ":" + strings.TrimSpace(text)
		return nil
	}
	_ = d.cmd.Wait()
	return errors.Join(err, errors.New("it ended before it was ready"))
}

// Close ends the X server, and with it the programs that show something there.
func (d *Display) Close() {
	_ = d.cmd.Process.Kill()
	_ = d.cmd.Wait()
	os.RemoveAll(d.dir)
}

// Env is what a GTK program needs in its environment to show itself here and
// to depend on nothing else of the machine: no GPU, no session bus, nobody's
// settings.
func (d *Display) Env() map[string]string {
	return map[string]string{
		"DISPLAY":                  d.name,
		"WAYLAND_DISPLAY":          "",
		"XDG_CONFIG_HOME":          d.dir,
		"GDK_BACKEND":              "x11",
		"GSK_RENDERER":             "cairo",
		"GTK_A11Y":                 "none",
		"GTK_THEME":                "",
		"GSETTINGS_BACKEND":        "memory",
		"DBUS_SESSION_BUS_ADDRESS": "disabled:",
	}
}

// patience is how long xdotool may wait for a window, which may never come.
const patience = 30 * time.Second

// Xdotool runs xdotool on the display, and returns what it printed.
func (d *Display) Xdotool(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "xdotool", args...)
	cmd.Env = append(os.Environ(), "DISPLAY="+d.name)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("xdotool %q: %w: %s", args, err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// Focus waits for a window whose title contains a text, and gives it the
// keyboard: without a window manager nobody else does.
func (d *Display) Focus(title string) error {
	_, err := d.Xdotool("search", "--sync", "--onlyvisible", "--name", title, "windowfocus", "--sync")
	return err
}
