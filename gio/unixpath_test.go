package gio_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

func TestPathIsUnlinkedAtClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, addr := listenOn(t, "unix", path)
	require.Equal(t, path, addr.String())
	fi, err := os.Lstat(path)
	require.NoError(t, err)
	require.Equal(t, os.ModeSocket, fi.Mode().Type())
	require.NoError(t, l.Close())
	require.NoFileExists(t, path)
	// And is free for the next.
	again, _ := listenOn(t, "unix", path)
	require.NoError(t, again.Close())
	require.NoFileExists(t, path)
}

func TestPathIsUnlinkedAtCloseOfNetListener(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, _ := listenOn(t, "unix", path)
	require.NoError(t, l.NetListener().Close())
	require.NoFileExists(t, path)
}

func TestStopLeavesThePath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	svc := gio.NewSocketService(nil)
	defer svc.Close()
	addr, err := svc.Listen("unix", path)
	require.NoError(t, err)
	serve(t, svc, echo)
	svc.Stop()
	c := dial(t, addr)
	svc.Start()
	say(t, c, "hello")
}

func TestReplacedPathIsLeftAtClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, _ := listenOn(t, "unix", path)
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, l.Close())
	require.FileExists(t, path, "somebody else's")
}

func TestStalePathIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	stale(t, path)
	l, addr := listenOn(t, "unix", path)
	c, peer := join(t, l, addr)
	_, err := c.Write([]byte("x"))
	require.NoError(t, err)
	_, err = peer.Read(make([]byte, 1))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.NoError(t, l.Close())
	require.NoFileExists(t, path)
}

func TestLivePathIsInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln := listenNet(t, "unix", path)
	l := gio.NewSocketListener(nil)
	_, err := l.Listen("unix", path)
	requireOpError(t, err, "listen", "unix", syscall.EADDRINUSE)
	require.NoError(t, l.Close())
	require.FileExists(t, path)
	_, err = net.Dial("unix", path)
	require.NoError(t, err, "the other server is unharmed")
	require.NoError(t, ln.Close())
}

func TestWhatIsNoSocketIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	require.NoError(t, os.WriteFile(path, []byte("precious"), 0o600))
	l := gio.NewSocketListener(nil)
	_, err := l.Listen("unix", path)
	requireOpError(t, err, "listen", "unix", syscall.EADDRINUSE)
	require.ErrorContains(t, err, path)
	require.ErrorContains(t, err, "no socket")
	require.NoError(t, l.Close())
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "precious", string(b))
}

func init() {
	// relative DIR: listens on a relative path there, goes elsewhere, closes.
	helpers["relative"] = func(args []string) error {
		if err := os.Chdir(args[0]); err != nil {
			return err
		}
		l := gio.NewSocketListener(nil)
		addr, err := l.Listen("unix", "s")
		if err != nil {
			return err
		}
		if addr.String() != "s" {
			return fmt.Errorf("the address is %q", addr)
		}
		if err := os.Mkdir("sub", 0o700); err != nil {
			return err
		}
		if err := errors.Join(os.Chdir("sub"), os.WriteFile("s", nil, 0o600)); err != nil {
			return err
		}
		return l.Close()
	}
	// removed DIR: as before, in a directory that is removed.
	helpers["removed"] = func(args []string) error {
		dir := filepath.Join(args[0], "gone")
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chdir(dir)); err != nil {
			return err
		}
		l := gio.NewSocketListener(nil)
		if _, err := l.Listen("unix", "s"); err != nil {
			return err
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if _, err := l.Listen("unix", "t"); !errors.Is(err, syscall.ENOENT) {
			return errors.Join(errors.New("listening in a removed directory"), err)
		}
		return l.Close()
	}
}

func TestRelativePathIsUnlinkedFromAnywhere(t *testing.T) {
	dir := t.TempDir()
	mustRun(t, helper(t, "relative", dir))
	require.NoFileExists(t, filepath.Join(dir, "s"))
	require.FileExists(t, filepath.Join(dir, "sub", "s"), "another file of that name")
}

func TestRemovedDirectoryIsNoTrouble(t *testing.T) {
	mustRun(t, helper(t, "removed", t.TempDir()))
	dir := filepath.Join(t.TempDir(), "gone")
	require.NoError(t, os.Mkdir(dir, 0o700))
	l, _ := listenOn(t, "unix", filepath.Join(dir, "s"))
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, l.Close())
}

func TestLongestPathsWork(t *testing.T) {
	dir := t.TempDir()
	const most = 107 // and a zero byte
	path := filepath.Join(dir, strings.Repeat("x", most-len(dir)-1))
	require.Len(t, path, most)
	for _, address := range []string{path, abstract(t)[:8] + strings.Repeat("y", most-8), "@" + strings.Repeat("z", most)} {
		l, addr := listenOn(t, "unix", address)
		require.Equal(t, address, addr.String())
		c, _ := join(t, l, addr)
		require.Equal(t, address, c.LocalAddr().String())
		require.NoError(t, c.Close())
		require.NoError(t, l.Close())
	}
	l := gio.NewSocketListener(nil)
	defer l.Close()
	_, err := l.Listen("unix", path+"x")
	require.ErrorContains(t, err, "longer than 107 bytes")
}

func TestAbstractNameLeavesNoFile(t *testing.T) {
	t.Chdir(t.TempDir())
	l, addr := listenOn(t, "unix", abstract(t))
	require.Equal(t, byte('@'), addr.String()[0])
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	require.Empty(t, entries)
	require.NoError(t, l.Close())
}

func TestUnixModeIsThatOfThePath(t *testing.T) {
	for _, mode := range []os.FileMode{0o600, 0o660, 0o666, 0o777} {
		t.Run(mode.String(), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			svc := gio.NewSocketService(&gio.ServiceConfig{UnixMode: mode})
			defer svc.Close()
			if mode == 0o660 {
				stale(t, path)
			}
			// Nobody can connect before the mode is right.
			svc.ConnectEvent(func(e gio.ListenerEvent, _ net.Addr) {
				if e == gio.ListenerListened {
					fi, err := os.Stat(path)
					if err != nil || fi.Mode().Perm() != mode {
						t.Errorf("listens with %v, %v", fi, err)
					}
				}
			})
			_, err := svc.Listen("unix", path)
			require.NoError(t, err)
			fi, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, mode, fi.Mode().Perm())
			_, err = svc.Listen("unix", abstract(t))
			require.NoError(t, err, "abstract names have no mode")
		})
	}
}

func TestWithoutUnixModeTheUmaskRules(t *testing.T) {
	old := syscall.Umask(0o027)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "s")
	_, _ = listenOn(t, "unix", path)
	fi, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o750), fi.Mode().Perm())
}
