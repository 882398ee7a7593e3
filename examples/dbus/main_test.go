package main

// Not an external test: a command cannot be imported.

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/program"
	"github.com/glibserve/glibserve/examples/shared/servertest"
)

func TestMain(m *testing.M) { servertest.Main(m, main) }

// dbusAddress is an address in D-Bus's words.
func dbusAddress(addr net.Addr) string {
	switch a := addr.(type) {
	case *net.TCPAddr:
		return fmt.Sprintf("tcp:host=%v,port=%d", a.IP, a.Port)
	default:
		if name, abstract := strings.CutPrefix(addr.String(), "@"); abstract {
			return "unix:abstract=" + name
		}
		return "unix:path=" + addr.String()
	}
}

// start runs the server on a Unix path.
func start(t *testing.T) (server *servertest.Process, addr net.Addr) {
	server = servertest.Start(t, "-listen", "unix:"+t.TempDir()+"/s")
	return server, server.Addrs(1)[0]
}

// command is one that ends within Patience, or is killed.
func command(t *testing.T, name string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), servertest.Patience)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, name, args...)
}

// gdbus is GLib's own client: a process for a call.
func gdbus(t *testing.T, addr net.Addr, method string, args ...string) *exec.Cmd {
	return command(t, servertest.Tool(t, "gdbus", "libglib2.0-bin"), append([]string{"call", "--address", dbusAddress(addr), "-d", "com.example.Greeter",
		"-o", objectPath, "-m", method}, args...)...)
}

func call(t *testing.T, addr net.Addr, method string, args ...string) string {
	t.Helper()
	output, err := gdbus(t, addr, method, args...).CombinedOutput()
	require.NoError(t, err, string(output))
	return strings.TrimSpace(string(output))
}

func fails(t *testing.T, addr net.Addr, method string, args ...string) string {
	t.Helper()
	output, err := gdbus(t, addr, method, args...).CombinedOutput()
	require.Error(t, err, string(output))
	return string(output)
}

const (
	greet = "com.example.Greeter.Greet"
	get   = "org.freedesktop.DBus.Properties.Get"
	set   = "org.freedesktop.DBus.Properties.Set"
)

func TestGDBusCallsIt(t *testing.T) {
	server, addr := start(t)
	require.Equal(t, "('Hello, World!',)", call(t, addr, greet, "World"))
	require.Equal(t, "('Hello, Zoë!',)", call(t, addr, greet, "Zoë"))
	require.Equal(t, "(<uint32 2>,)", call(t, addr, get, "com.example.Greeter", "Count"))
	require.Equal(t, "()", call(t, addr, set, "com.example.Greeter", "Word", "<'Grüezi'>"))
	require.Equal(t, "(<'Grüezi'>,)", call(t, addr, get, "com.example.Greeter", "Word"))
	require.Equal(t, "('Grüezi, World!',)", call(t, addr, greet, "World"))
	require.Contains(t, call(t, addr, "org.freedesktop.DBus.Introspectable.Introspect"), `<signal name="Greeted">`)

	require.Contains(t, fails(t, addr, greet, " "), "org.freedesktop.DBus.Error.InvalidArgs: somebody without a name cannot be greeted")
	require.Contains(t, fails(t, addr, set, "com.example.Greeter", "Word", "<''>"), "an empty word is no greeting")
	require.Contains(t, fails(t, addr, set, "com.example.Greeter", "Count", "<uint32 7>"), "not writable")
	require.Contains(t, fails(t, addr, set, "com.example.Greeter", "Word", "<uint32 7>"), "org.freedesktop.DBus.Error.InvalidArgs")
	require.Contains(t, fails(t, addr, "com.example.Greeter.Insult", "World"), "org.freedesktop.DBus.Error.UnknownMethod")
	require.Equal(t, "(<uint32 3>,)", call(t, addr, get, "com.example.Greeter", "Count"))
	require.Empty(t, server.Stderr())
}

const pyConnect = `
import sys
from gi.repository import Gio, GLib
PATH, IFACE = "/com/example/Greeter", "com.example.Greeter"
def connect():
    return Gio.DBusConnection.new_for_address_sync(sys.argv[1], Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT, None, None)
`

func TestPyGObjectCallsItAndEveryPeerGetsTheSignals(t *testing.T) {
	_, addr := start(t)
	output, err := command(t, servertest.PyGObject(t), "-c", pyConnect+`
loop = GLib.MainLoop()
seen = []
def signalled(connection, sender, path, interface, signal, parameters):
    seen.append((interface, signal, parameters.unpack()))
    if len(seen) == 4:
        loop.quit()
a, b = connect(), connect()
for c in a, b:
    c.signal_subscribe(None, None, None, PATH, None, Gio.DBusSignalFlags.NONE, signalled)
proxy = Gio.DBusProxy.new_sync(a, Gio.DBusProxyFlags.NONE, None, None, PATH, IFACE, None)
print(proxy.get_cached_property("Word").unpack())
# Its answer tells that this one has joined, too.
print(b.call_sync(None, PATH, "org.freedesktop.DBus.Properties", "Get", GLib.Variant("(ss)", (IFACE, "Count")), None, 0, -1, None).unpack())
print(proxy.Greet("(s)", "Python"))
loop.run()
for s in sorted(seen):
    print(s)
`, dbusAddress(addr)).CombinedOutput()
	require.NoError(t, err, string(output))
	require.Equal(t, `Hello
(0,)
Hello, Python!
('com.example.Greeter', 'Greeted', ('Hello, Python!',))
('com.example.Greeter', 'Greeted', ('Hello, Python!',))
('org.freedesktop.DBus.Properties', 'PropertiesChanged', ('com.example.Greeter', {'Count': 1}, []))
('org.freedesktop.DBus.Properties', 'PropertiesChanged', ('com.example.Greeter', {'Count': 1}, []))
`, string(output))
}

// sockets counts what a process has open.
func sockets(t *testing.T, p *servertest.Process) (n int) {
	dir := fmt.Sprintf("/proc/%d/fd/", p.Pid())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		// One that has gone meanwhile is no error.
		if to, err := os.Readlink(dir + entry.Name()); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

func TestAPeerThatLeavesTakesItsDescriptorAlong(t *testing.T) {
	// Else the library duplicates the listening socket at some moment after the start.
	t.Setenv("GLIBSERVE_DEBUG", "nodirect")
	server, addr := start(t)
	before := sockets(t, server)
	require.Positive(t, before, "it listens")
	stranger := servertest.Dial(t, addr)
	stranger.Send("\x00HELLO?\r\n")
	_, _ = io.Copy(io.Discard, stranger) // how it ends is the server's good right
	stays := servertest.Dial(t, addr)
	require.Eventually(t, func() bool { return sockets(t, server) > before }, servertest.Patience, 10*time.Millisecond)

	const calls, atOnce = 100, 10
	errs := make(chan error, calls)
	for range calls / atOnce {
		var round sync.WaitGroup
		for range atOnce {
			round.Add(1)
			cmd := gdbus(t, addr, greet, "World")
			go func() {
				defer round.Done()
				if output, err := cmd.CombinedOutput(); err != nil {
					errs <- fmt.Errorf("%w: %s", err, output)
				}
			}()
		}
		round.Wait()
	}
	require.Empty(t, errs)
	require.Equal(t, fmt.Sprintf("(<uint32 %d>,)", calls), call(t, addr, get, "com.example.Greeter", "Count"))
	require.NoError(t, stays.Close()) // in the middle of its authentication
	require.Eventually(t, func() bool { return sockets(t, server) == before }, servertest.Patience, 10*time.Millisecond)
}

func TestASignalEndsItWithAWordToItsPeers(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		server, addr := start(t)
		client := command(t, servertest.PyGObject(t), "-c", pyConnect+`
loop = GLib.MainLoop()
connection = connect()
connection.connect("closed", lambda c, vanished, error: (print("closed", vanished), loop.quit()))
Gio.DBusProxy.new_sync(connection, Gio.DBusProxyFlags.NONE, None, None, PATH, IFACE, None)
print("here", flush=True)
loop.run()
`, dbusAddress(addr))
		stdout, err := client.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, client.Start())
		lines := bufio.NewReader(stdout)
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "here\n", line)
		server.Signal(signal)
		line, err = lines.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "closed True\n", line)
		require.NoError(t, client.Wait())
		require.Equal(t, program.OK, server.Wait())
		require.Empty(t, server.Stderr())
		require.NoFileExists(t, addr.String())
	}
}

func TestAProcessOfAnotherUserIsRefused(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to run a process of another user")
	}
	name := fmt.Sprintf("@glibserve-dbus-%d", os.Getpid())
	for _, c := range []struct {
		args []string
		in   bool
	}{
		{nil, false},
		{[]string{"-anonymous"}, true},
	} {
		server := servertest.Start(t, append([]string{"-listen", "unix:" + name}, c.args...)...)
		addr := server.Addrs(1)[0]
		cmd := gdbus(t, addr, greet, "World")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		cmd.Dir = "/"
		output, err := cmd.CombinedOutput()
		require.Equal(t, c.in, err == nil, string(output))
		require.Equal(t, "('Hello, World!',)", call(t, addr, greet, "World"))
		server.Signal(os.Interrupt)
		require.Equal(t, program.OK, server.Wait())
		require.Equal(t, !c.in, strings.Contains(server.Stderr(), "a peer was not let in"), server.Stderr())
	}
}

func TestTCPIsForAnybody(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, program.Usage, run(context.Background(), []string{"-listen", "tcp:127.0.0.1:0"}, &stdout, &stderr))
	require.Contains(t, stderr.String(), "dbus: -listen tcp:127.0.0.1:0 needs -anonymous")
	require.Empty(t, stdout.String())

	server := servertest.Start(t, "-anonymous", "-listen", "tcp:127.0.0.1:0")
	require.Equal(t, "('Hello, World!',)", call(t, server.Addrs(1)[0], greet, "World"))
	server.Signal(os.Interrupt)
	require.Equal(t, program.OK, server.Wait())
	require.Empty(t, server.Stderr())
}
