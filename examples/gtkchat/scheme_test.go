package main

import (
	"bufio"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/program"
	"github.com/glibserve/glibserve/examples/shared/servertest"
)

// busConfig is a session bus that starts no services of the machine.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>
`

// startBus starts a session bus for the length of the test.
func startBus(t *testing.T) (address string) {
	t.Helper()
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		t.Skip("dbus-daemon is not installed (scripts/deps --test installs it)")
	}
	config := filepath.Join(t.TempDir(), "bus.conf")
	require.NoError(t, os.WriteFile(config, []byte(busConfig), 0o600))
	cmd := exec.Command("dbus-daemon", "--config-file="+config, "--nofork", "--print-address")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	address, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(address)
}

const (
	portalName = "org.freedesktop.portal.Desktop"
	portalPath = dbus.ObjectPath("/org/freedesktop/portal/desktop")
	settings   = "org.freedesktop.portal.Settings"
	namespace  = "org.freedesktop.appearance"
	key        = "color-scheme"
)

// portal is a desktop whose person chooses dark or light.
type portal struct {
	conn   *dbus.Conn
	scheme atomic.Uint32 // 0: no preference, 1: dark, 2: light
	asked  atomic.Int32
}

// Read is the portal's method; its answer is wrapped twice, as the real one's.
func (p *portal) Read(ns, k string) (dbus.Variant, *dbus.Error) {
	if ns != namespace || k != key {
		return dbus.Variant{}, dbus.MakeFailedError(os.ErrNotExist)
	}
	p.asked.Add(1)
	return dbus.MakeVariant(dbus.MakeVariant(p.scheme.Load())), nil
}

func (p *portal) choose(t *testing.T, scheme uint32) {
	t.Helper()
	p.scheme.Store(scheme)
	require.NoError(t, p.conn.Emit(portalPath, settings+".SettingChanged", namespace, key, dbus.MakeVariant(scheme)))
}

func startPortal(t *testing.T, bus string) *portal {
	t.Helper()
	conn, err := dbus.Connect(bus)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	p := &portal{conn: conn}
	require.NoError(t, conn.Export(p, portalPath, settings))
	reply, err := conn.RequestName(portalName, dbus.NameFlagDoNotQueue)
	require.NoError(t, err)
	require.Equal(t, dbus.RequestNameReplyPrimaryOwner, reply)
	return p
}

func TestTheThemeFollowsTheDesktop(t *testing.T) {
	bus := startBus(t)
	p := startPortal(t, bus)
	p.scheme.Store(1)

	d := screen(t)
	env := d.Env()
	env["DBUS_SESSION_BUS_ADDRESS"] = bus
	server := startWith(t, env, "-listen", "unix:"+t.TempDir()+"/s")
	// A corner of the conversation where there is never any text.
	corner := image.Pt(said.Max.X-4, said.Max.Y-4)
	expectDark := func(dark bool) {
		t.Helper()
		require.Eventually(t, func() bool {
			picture, err := d.Picture()
			if err != nil {
				return false
			}
			c := picture.RGBAAt(corner.X, corner.Y)
			brightness := (int(c.R) + int(c.G) + int(c.B)) / 3
			// Black is the screen without a window.
			return dark && brightness > 8 && brightness < 80 || !dark && brightness > 200
		}, servertest.Patience, 20*time.Millisecond)
	}
	expectDark(true)
	require.Positive(t, p.asked.Load())
	p.choose(t, 2)
	expectDark(false)
	p.choose(t, 1)
	expectDark(true)
	p.choose(t, 0)
	expectDark(false) // GTK's own default
	server.Signal(os.Interrupt)
	require.Equal(t, program.OK, server.Wait())
	require.Empty(t, server.Stderr())
}
