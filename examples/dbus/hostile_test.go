package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/program"
	"github.com/glibserve/glibserve/examples/shared/servertest"
)

// threads is how many a process has.
func threads(t *testing.T, p *servertest.Process) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	require.NoError(t, err)
	_, after, ok := bytes.Cut(b, []byte("Threads:"))
	require.True(t, ok)
	n, err := strconv.Atoi(string(bytes.Fields(after)[0]))
	require.NoError(t, err)
	return n
}

// stalled are n peers that say a word and then nothing.
func stalled(t *testing.T, addr net.Addr, n int, word string) {
	t.Helper()
	for range n {
		servertest.Dial(t, addr).Send("%s", word)
	}
}

// An authentication takes a thread of GLib's pool, and GDBus waits there for the peer.
func TestPeersThatStallKeepNobodyOut(t *testing.T) {
	for _, says := range []struct{ name, word string }{
		{"nothing", ""},
		{"a zero byte", "\x00"},
		{"half a line", "\x00AUTH EXTERNAL 3"},
		{"a line", "\x00AUTH EXTERNAL 30\r\n"},
	} {
		for _, n := range []int{20, 60, 150, 600} {
			t.Run(fmt.Sprintf("%d say %s", n, says.name), func(t *testing.T) {
				server, addr := start(t)
				stalled(t, addr, n, says.word)
				// Each has two when it is being waited for.
				require.Eventually(t, func() bool { return sockets(t, server) > 2*n }, servertest.Patience, time.Millisecond)
				var took []time.Duration
				for range 3 {
					began := time.Now()
					require.Equal(t, "('Hello, World!',)", call(t, addr, greet, "World"))
					took = append(took, time.Since(began).Round(time.Millisecond))
				}
				all := threads(t, server)
				t.Logf("%3d peers say %s: an honest one takes %v; %d threads", n, says.name, took, all)
				for _, d := range took {
					require.Less(t, d, 5*time.Second)
				}
				require.Less(t, all, 64+n/5) // as long as Go starts none because the machine is busy, 10 to 40
				server.Signal(os.Interrupt)
				require.Equal(t, program.OK, server.Wait())
			})
		}
	}
}

func TestWhatIsNoDBusIsRefusedAtOnce(t *testing.T) {
	server, addr := start(t)
	stalled(t, addr, 20, "\x00AUTH EXTERNAL 30\r\n")
	for _, word := range []string{"GET / HTTP/1.0\r\n\r\n", "\x00HELLO?\r\n", "AUTH EXTERNAL 30\r\n", "\x00AUTH " + string(bytes.Repeat([]byte("x"), 2000))} {
		p := servertest.Dial(t, addr)
		p.Send("%s", word)
		_, _ = p.Read(make([]byte, 1)) // it ends
	}
	require.Eventually(t, func() bool {
		return bytes.Count([]byte(server.Stderr()), []byte("does not speak D-Bus")) == 4
	}, servertest.Patience, time.Millisecond)
}

func TestOtherClientsOfDBusAuthenticate(t *testing.T) {
	_, addr := start(t)
	busctl := servertest.Tool(t, "busctl", "systemd")
	output, err := command(t, busctl, "--address="+dbusAddress(addr), "call", "com.example.Greeter", objectPath, "com.example.Greeter", "Greet", "s", "you").CombinedOutput()
	require.NoError(t, err, string(output))
	require.Equal(t, "s \"Hello, you!\"\n", string(output))
}
