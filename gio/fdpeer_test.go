package gio_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/testprogram"
)

func init() { helpers["takes and gives a file"] = takeAndGive }

// takeAndGive is the other process: it appends to the file that comes and sends
// back one of its own.
func takeAndGive(args []string) error {
	cl := gio.NewSocketClient(nil)
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := cl.Dial(ctx, "unix", args[0])
	if err != nil {
		return err
	}
	defer c.Close()
	f, err := c.ReceiveFile()
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(" and the peer's"); err != nil {
		return err
	}
	mine, err := os.CreateTemp("", "glibserve")
	if err != nil {
		return err
	}
	defer mine.Close()
	defer os.Remove(mine.Name())
	if _, err := mine.WriteString("from the peer"); err != nil {
		return err
	}
	if err := c.SendCredentials(); err != nil {
		return err
	}
	return c.SendFile(mine)
}

// The same in GIO's own functions.
const pygobjectTakesAndGives = `
import gi, os, sys, tempfile
gi.require_version("Gio", "2.0")
from gi.repository import Gio
conn = Gio.SocketClient().connect(Gio.UnixSocketAddress.new(sys.argv[1]))
assert isinstance(conn, Gio.UnixConnection), conn
fd = conn.receive_fd()
os.write(fd, b" and the peer's")
os.close(fd)
conn.send_credentials()
with tempfile.TemporaryFile() as f:
    f.write(b"from the peer")
    f.flush()
    conn.send_fd(f.fileno())
creds = conn.receive_credentials()
assert creds.get_unix_pid() == int(sys.argv[2]), creds.to_string()
`

// unixPeer is a program that has connected to a Unix socket, with our side.
type unixPeer struct {
	conn  *gio.SocketConnection
	cmd   *exec.Cmd
	out   strings.Builder // what it printed, once it has ended
	ended chan error
}

func startUnixPeer(t *testing.T, command func(path string) *exec.Cmd) *unixPeer {
	t.Helper()
	svc := gio.NewSocketService(nil)
	t.Cleanup(func() { _ = svc.Close() })
	addr, err := svc.Listen("unix", filepath.Join(t.TempDir(), "s"))
	require.NoError(t, err)
	p := &unixPeer{cmd: command(addr.String()), ended: make(chan error, 1)}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	require.NoError(t, p.cmd.Start())
	go func() { p.ended <- p.cmd.Wait() }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p.conn, _, err = svc.Accept(ctx)
	require.NoError(t, err, &p.out)
	t.Cleanup(func() { _ = p.conn.Close() })
	require.NoError(t, p.conn.SetDeadline(time.Now().Add(patience)))
	return p
}

func TestFilesCrossProcessesBothWays(t *testing.T) {
	for name, command := range map[string]func(t *testing.T, path string) *exec.Cmd{
		"this library": func(t *testing.T, path string) *exec.Cmd {
			return helper(t, "takes and gives a file", path)
		},
		"PyGObject": func(t *testing.T, path string) *exec.Cmd {
			return exec.CommandContext(t.Context(), testprogram.PyGObject(t), "-c", pygobjectTakesAndGives, path, fmt.Sprint(os.Getpid()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := startUnixPeer(t, func(path string) *exec.Cmd { return command(t, path) })
			c := p.conn
			f := tempFile(t, "")
			_, err := f.WriteString("ours")
			require.NoError(t, err)
			require.NoError(t, c.SendFile(f))
			cred, err := c.ReceiveCredentials()
			require.NoError(t, err, &p.out)
			require.Equal(t, &gio.Credentials{PID: p.cmd.Process.Pid, UID: os.Getuid(), GID: os.Getgid()}, cred)
			got, err := c.ReceiveFile()
			require.NoError(t, err)
			defer got.Close()
			requireContent(t, got, "from the peer")
			requireContent(t, f, "ours and the peer's")
			_ = c.SendCredentials() // our own kind of peer has left already
			_, _ = io.Copy(io.Discard, c)
			require.NoError(t, receive(t, p.ended), &p.out)
		})
	}
}
