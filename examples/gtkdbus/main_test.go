package main

// Not an external test: a command cannot be imported.

import (
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/servertest"
	"github.com/glibserve/glibserve/examples/shared/windowtest"
)

func TestMain(m *testing.M) { servertest.Main(m, main) }

// say calls the method with libdbus's own program.
func say(t *testing.T, path, text string) {
	t.Helper()
	out, err := exec.Command(servertest.Tool(t, "dbus-send", "dbus"), "--peer=unix:path="+path, "--print-reply",
		"/com/example", "com.example.Say", "string:"+text).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func TestWhatPeersSayIsShown(t *testing.T) {
	d, p, path := windowtest.Start(t, "gtkdbus.sock")
	last := windowtest.Settled(t, d)
	for _, text := range []string{"Hello by D-Bus", "And another one"} {
		say(t, path, text)
		last = windowtest.Changed(t, d, last)
	}
	windowtest.Save(t, last, 480, 120)
	for range 25 { // more than there may be at once: those that left are gone
		say(t, path, "And again")
	}
	p.Signal(os.Interrupt)
	require.Zero(t, p.Wait())
	require.Empty(t, p.Stderr())
	require.NoFileExists(t, path)
}

// Whoever does not speak D-Bus is told of on the terminal, and sent away.
func TestAStrangerIsSentAway(t *testing.T) {
	_, p, path := windowtest.Start(t, "gtkdbus.sock")
	c, err := net.Dial("unix", path)
	require.NoError(t, err)
	require.NoError(t, c.SetDeadline(time.Now().Add(servertest.Patience)))
	_, err = c.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, c)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded) // the end, or a reset: it has not read all
	require.Eventually(t, func() bool { return strings.Contains(p.Stderr(), "no D-Bus peer") }, servertest.Patience, 10*time.Millisecond)
	p.Signal(syscall.SIGTERM)
	require.Zero(t, p.Wait())
	require.NoFileExists(t, path)
}
