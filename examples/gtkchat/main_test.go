package main

// Not an external test: a command cannot be imported.

import (
	"fmt"
	"image"
	"image/png"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/display"
	"github.com/glibserve/glibserve/examples/shared/program"
	"github.com/glibserve/glibserve/examples/shared/servertest"
)

func TestMain(m *testing.M) { servertest.Main(m, main) }

// screen is a display of its own for the programs that a test starts.
func screen(t *testing.T) *display.Display {
	t.Helper()
	if missing := display.Missing(); missing != "" {
		t.Skip(missing)
	}
	d, err := display.Start()
	require.NoError(t, err)
	t.Cleanup(d.Close)
	return d
}

// start runs the program on a display, where nothing may go wrong in GTK's
// eyes.
func start(t *testing.T, d *display.Display, args ...string) *servertest.Process {
	t.Helper()
	return startWith(t, d.Env(), args...)
}

func startWith(t *testing.T, env map[string]string, args ...string) *servertest.Process {
	t.Helper()
	for name, value := range env {
		t.Setenv(name, value)
	}
	t.Setenv("G_DEBUG", "fatal-criticals")
	return servertest.Start(t, args...)
}

// typeIn types a line into the window with that address in its title.
func typeIn(t *testing.T, d *display.Display, where, line string) {
	t.Helper()
	require.NoError(t, d.Focus(where))
	_, err := d.Xdotool("type", line)
	require.NoError(t, err)
	_, err = d.Xdotool("key", "Return")
	require.NoError(t, err)
}

// said is the part of a window where the conversation is.
var said = image.Rect(200, 60, 740, 470)

// settled waits until the picture is the same twice, 100 ms apart.
func settled(t *testing.T, d *display.Display) *image.RGBA {
	t.Helper()
	last, err := d.Picture()
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		now, err := d.Picture()
		same := err == nil && display.Changed(last, now, now.Bounds()) == 0
		last = now
		return same
	}, servertest.Patience, 100*time.Millisecond)
	return last
}

// save writes a picture into the folder that GLIBSERVE_SCREENSHOTS names, if it does, for
// a person.
func save(t *testing.T, picture image.Image) {
	t.Helper()
	dir := os.Getenv("GLIBSERVE_SCREENSHOTS")
	if dir == "" {
		return
	}
	f, err := os.Create(filepath.Join(dir, strings.ReplaceAll(t.Name(), "/", "-")+".png"))
	require.NoError(t, err)
	require.NoError(t, png.Encode(f, picture))
	require.NoError(t, f.Close())
}

// expectChange waits until the conversation looks different from before.
func expectChange(t *testing.T, d *display.Display, before *image.RGBA) {
	t.Helper()
	require.Eventually(t, func() bool {
		now, err := d.Picture()
		return err == nil && display.Changed(before, now, said) > 50
	}, servertest.Patience, 20*time.Millisecond)
}

func TestAWindowAndATerminalTalk(t *testing.T) {
	d := screen(t)
	server := start(t, d, "-listen", "tcp:127.0.0.1:0", "-name", "zoe")
	addr := server.Addrs(1)[0]
	alice := servertest.Dial(t, addr)
	alice.Send("/nick alice\n")
	alice.Expect("You are alice now.")
	typeIn(t, d, addr.String(), "Hello from the window")
	require.Regexp(t, `^\[..:..\] zoe: Hello from the window\n$`, alice.Expect("zoe"))

	before := settled(t, d)
	alice.Send("Hello from the terminal\n")
	expectChange(t, d, before)

	typeIn(t, d, addr.String(), "/me waves")
	alice.Expect("* zoe waves\n")
	server.Signal(os.Interrupt)
	require.True(t, strings.HasSuffix(alice.Rest(), "* The server is shutting down. Goodbye.\n"))
	require.Equal(t, program.OK, server.Wait())
	require.Empty(t, server.Stderr())
}

// title is the part of a window where its title is, without the buttons.
var title = image.Rect(150, 20, 600, 70)

func TestTheTitleTellsHowManyCame(t *testing.T) {
	d := screen(t)
	server := start(t, d, "-listen", "tcp:127.0.0.1:0", "-name", "zoe")
	addr := server.Addrs(1)[0]
	require.NoError(t, d.Focus(addr.String()))
	before := settled(t, d)
	alice := servertest.Dial(t, addr)
	alice.Send("/nick alice\n")
	alice.Expect("You are alice now.")
	require.Eventually(t, func() bool {
		now, err := d.Picture()
		return err == nil && display.Changed(before, now, title) > 0
	}, servertest.Patience, 20*time.Millisecond)
	save(t, settled(t, d))
	server.Signal(os.Interrupt)
	require.Contains(t, alice.Rest(), "Goodbye")
	require.Equal(t, program.OK, server.Wait())
	require.Empty(t, server.Stderr())
}

func TestAWindowJoinsAnother(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			address := "127.0.0.1:0"
			if network == "unix" {
				address = filepath.Join(t.TempDir(), "s")
			}
			one, two := screen(t), screen(t)
			server := start(t, one, "-listen", network+":"+address, "-name", "zoe")
			addr := server.Addrs(1)[0]
			alice := servertest.Dial(t, addr)
			alice.Send("/nick alice\n")
			alice.Expect("You are alice now.")
			guest := start(t, two, "-join", network+":"+addr.String(), "-name", "gus")
			alice.Expect(" is gus now")

			typeIn(t, two, addr.String(), "From window two")
			require.Regexp(t, `\] gus: From window two\n$`, alice.Expect("gus:"))
			before := settled(t, two)
			typeIn(t, one, addr.String(), "From window one")
			alice.Expect("zoe: From window one")
			expectChange(t, two, before)

			// The window is closed by its own key.
			require.NoError(t, two.Focus(addr.String()))
			_, err := two.Xdotool("key", "ctrl+w")
			require.NoError(t, err)
			require.Equal(t, program.OK, guest.Wait())
			require.Empty(t, guest.Stderr())
			alice.Expect("<- gus left\n")

			require.NoError(t, one.Focus(addr.String()))
			_, err = one.Xdotool("key", "ctrl+q")
			require.NoError(t, err)
			require.Contains(t, alice.Rest(), "Goodbye")
			require.Equal(t, program.OK, server.Wait())
			require.Empty(t, server.Stderr())
			if network == "unix" {
				require.NoFileExists(t, addr.String())
			}
		})
	}
}

func TestTheWindowOutlivesTheServerItJoined(t *testing.T) {
	d := screen(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	guest := start(t, d, "-join", "tcp:"+ln.Addr().String())
	conn, err := ln.Accept()
	require.NoError(t, err)
	require.NoError(t, d.Focus(ln.Addr().String()))
	before := settled(t, d)
	conn.Close()
	expectChange(t, d, before)
	guest.Signal(syscall.SIGTERM)
	require.Equal(t, program.OK, guest.Wait())
	require.Empty(t, guest.Stderr())
}

func TestAFloodIsShownAndTheProgramEnds(t *testing.T) {
	d := screen(t)
	server := start(t, d, "-listen", "unix:"+t.TempDir()+"/s")
	addr := server.Addrs(1)[0]
	var people []*servertest.Peer
	for i := range 10 {
		p := servertest.Dial(t, addr)
		p.Send("/nick flood%d\n", i)
		p.Expect("You are flood")
		people = append(people, p)
	}
	for i, p := range people {
		for j := range 40 { // what may be sent at once
			p.Send("line %d of %d\n", j, i)
		}
	}
	for _, p := range people {
		p.Send("/who\n")
		p.Expect("In lobby (11)")
	}
	typeIn(t, d, addr.String(), "/quit enough")
	for _, p := range people {
		require.Contains(t, p.Rest(), "The server is shutting down.")
	}
	require.Equal(t, program.OK, server.Wait())
	require.Empty(t, server.Stderr())
	require.NoFileExists(t, addr.String())
}

func TestWithoutADisplayThereIsASentenceAndStatus1(t *testing.T) {
	for _, name := range []string{"", ":9999"} {
		t.Setenv("DISPLAY", name)
		t.Setenv("WAYLAND_DISPLAY", "")
		path := t.TempDir() + "/s"
		p := servertest.Start(t, "-listen", "unix:"+path)
		require.Equal(t, program.Failure, p.Wait())
		require.Contains(t, p.Stderr(), "gtkchat: there is no display to open a window on")
		require.Empty(t, p.Stdout())
		require.NoFileExists(t, path)
	}
}

func TestWhatGoesWrongBeforeTheWindowIsASentenceAndStatus1(t *testing.T) {
	d := screen(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	taken := start(t, d, "-listen", "tcp:"+ln.Addr().String())
	require.Equal(t, program.Failure, taken.Wait())
	require.Equal(t, fmt.Sprintf("gtkchat: cannot listen on tcp %s: another program is already listening there; end that one, or choose another address\n", ln.Addr()), taken.Stderr())

	ln.Close()
	alone := start(t, d, "-join", "tcp:"+ln.Addr().String())
	require.Equal(t, program.Failure, alone.Wait())
	require.Equal(t, fmt.Sprintf("gtkchat: cannot join tcp %s: nobody is listening there\n", ln.Addr()), alone.Stderr())
}

func TestABadCommandLineIsRefusedBeforeGTK(t *testing.T) {
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	help := servertest.Start(t, "-h")
	require.Equal(t, program.OK, help.Wait())
	for _, flag := range []string{"-listen", "-join", "-name"} {
		require.Contains(t, help.Stdout(), "\n  "+flag+" ")
	}
	for _, c := range []struct {
		args   string
		reason string
	}{
		{"-listen 127.0.0.1:9003", "did you mean tcp:127.0.0.1:9003?"},
		{"-join 127.0.0.1:9003", "did you mean tcp:127.0.0.1:9003?"},
		{"-join tcp::9003", "did you mean tcp:127.0.0.1:9003?"},
		{"-join tcp:127.0.0.1:0", "0 is for listening"},
		{"-join unix:/a -join unix:/b", "one server can be joined, not two"},
		{"-join unix:/a -listen unix:/b", "use one of them"},
		{"-name two.words", `-name "two.words" will not do: it contains '.'`},
		{"-size 3", "flag provided but not defined: -size"},
		{"now", `unexpected argument "now"`},
	} {
		p := servertest.Start(t, strings.Fields(c.args)...)
		require.Equal(t, program.Usage, p.Wait(), c.args)
		require.Contains(t, p.Stderr(), c.reason)
		require.Contains(t, p.Stderr(), "Try 'gtkchat -h'.")
		require.Empty(t, p.Stdout())
	}
}
