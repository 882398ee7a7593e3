package main

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/display"
	"github.com/glibserve/glibserve/examples/shared/program"
	"github.com/glibserve/glibserve/examples/shared/servertest"
)

// machine is the program in a network namespace of its own, which a test changes.
type machine struct {
	*servertest.Process
	t *testing.T
}

// startMachine runs the program where a link goes to nobody, after commands of ip(8) have
// set it up.
func startMachine(t *testing.T, d *display.Display, setUp string, args ...string) *machine {
	t.Helper()
	for _, tool := range []string{"unshare", "nsenter", "ip"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(tool + " is not installed (scripts/deps --test installs it)")
		}
	}
	const link = "ip link set lo up && ip link add here type veth peer name there && ip link set there up && ip link set here up"
	if out, err := exec.Command("unshare", "-rn", "sh", "-c", link).CombinedOutput(); err != nil {
		t.Skipf("no network namespace with a link for this user: %v: %s", err, out)
	}
	for name, value := range d.Env() {
		t.Setenv(name, value)
	}
	t.Setenv("G_DEBUG", "fatal-criticals")
	t.Setenv("GIO_USE_NETWORK_MONITOR", "netlink") // not NetworkManager's, which knows another namespace
	script := link + " && " + setUp + ` && exec "$0" "$@"`
	cmd := exec.Command("unshare", append([]string{"-rn", "sh", "-c", script, servertest.Self(t)}, args...)...)
	return &machine{servertest.StartCommand(t, cmd), t}
}

// ip changes the machine's network.
func (m *machine) ip(args ...string) {
	m.t.Helper()
	enter := []string{"-t", strconv.Itoa(m.Pid()), "-U", "-n", "--preserve-credentials", "ip"}
	out, err := exec.Command("nsenter", append(enter, args...)...).CombinedOutput()
	require.NoError(m.t, err, "%s", out)
}

// expectBanner waits until the window has a banner, or none.
func expectBanner(t *testing.T, d *display.Display, there bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		picture, err := d.Picture()
		if err != nil {
			return false
		}
		// The banner has a colour, and below the title's grey the conversation is white.
		c := picture.RGBAAt(said.Max.X-4, title.Max.Y-10)
		return c.R > 200 && there == (c.B < c.R-20)
	}, servertest.Patience, 20*time.Millisecond)
}

func TestTheWindowTellsWhenTheNetworkGoes(t *testing.T) {
	for name, c := range map[string]struct {
		setUp, listen string
		goes, comes   []string
	}{
		"the address that it listens on": {
			"ip addr add 192.0.2.1/24 dev here", "tcp:192.0.2.1:0",
			[]string{"addr", "del", "192.0.2.1/24", "dev", "here"},
			[]string{"addr", "add", "192.0.2.1/24", "dev", "here"},
		},
		"the interface": {
			"ip addr add 192.0.2.1/24 dev here", "tcp:192.0.2.1:0",
			[]string{"link", "set", "here", "down"},
			[]string{"link", "set", "here", "up"},
		},
		// What GNetworkMonitor tells: the addresses are the same before and after.
		"the way to other networks": {
			"ip route add default dev here", "tcp::0",
			[]string{"route", "del", "default"},
			[]string{"route", "add", "default", "dev", "here"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := screen(t)
			server := startMachine(t, d, c.setUp, "-listen", c.listen, "-name", "zoe")
			server.Addrs(1)
			require.NoError(t, d.Focus("gtkchat"))
			settled(t, d)
			expectBanner(t, d, false)
			for range 2 {
				server.ip(c.goes...)
				expectBanner(t, d, true)
				save(t, settled(t, d))
				server.ip(c.comes...)
				expectBanner(t, d, false)
			}
			server.Signal(os.Interrupt)
			require.Equal(t, program.OK, server.Wait())
			require.Empty(t, server.Stderr())
		})
	}
}
