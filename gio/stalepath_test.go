package gio_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/giotest"
)

func init() {
	// listens where told: a path a line on its input; the next line closes.
	helpers["listens where told"] = func([]string) error {
		in := bufio.NewScanner(os.Stdin)
		for in.Scan() {
			svc := gio.NewSocketService(nil)
			_, err := svc.Listen("unix", in.Text())
			fmt.Println(err == nil)
			in.Scan()
			if err := svc.Close(); err != nil {
				return err
			}
			fmt.Println("closed")
		}
		return in.Err()
	}
}

func init() {
	// no proc: sets a mode that the umask is against where there is no /proc.
	helpers["no proc"] = func(args []string) error {
		if err := syscall.Mount("none", "/proc", "tmpfs", 0, ""); err != nil {
			return err
		}
		if _, err := os.Stat("/proc/self"); err == nil {
			return errors.New("/proc is there")
		}
		syscall.Umask(0o077)
		svc := gio.NewSocketService(&gio.ServiceConfig{UnixMode: 0o666})
		defer svc.Close()
		if _, err := svc.Listen("unix", args[0]); err != nil {
			if !errors.Is(err, syscall.ENOSYS) { // Linux before 6.6
				return err
			}
			if c, err := net.Dial("unix", args[0]); err == nil {
				_ = c.Close()
				return errors.New("it listens with a mode that is not its own")
			}
			return nil
		}
		fi, err := os.Stat(args[0])
		if err == nil && fi.Mode().Perm() != 0o666 {
			err = errors.New(fi.Mode().String())
		}
		return err
	}
}

func TestUnixModeNeedsNoProc(t *testing.T) {
	cmd := helper(t, "no proc", filepath.Join(t.TempDir(), "s"))
	cmd.SysProcAttr = newNetwork()
	cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWNS
	cmd.Env = append(cmd.Env, noLeakSanitizer) // which needs /proc
	out, err := cmd.CombinedOutput()
	giotest.SkipWithoutNamespaces(t, err)
	require.NoError(t, err, string(out))
}

const atOnce = 4

func TestStalePathGoesToOneOfSeveralProcesses(t *testing.T) {
	type instance struct {
		in  io.Writer
		out *bufio.Scanner
	}
	var all []instance
	for range atOnce {
		cmd := helper(t, "listens where told")
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		t.Cleanup(func() {
			_ = in.Close()
			_ = cmd.Wait()
		})
		all = append(all, instance{in, bufio.NewScanner(out)})
	}
	dir := t.TempDir()
	for i := range 100 {
		path := filepath.Join(dir, fmt.Sprint(i))
		stale(t, path)
		for _, p := range all {
			_, err := fmt.Fprintln(p.in, path)
			require.NoError(t, err)
		}
		winners := 0
		for _, p := range all {
			require.True(t, p.out.Scan())
			if p.out.Text() == "true" {
				winners++
			}
		}
		require.Equal(t, 1, winners, "round %d", i)
		for _, p := range all {
			_, err := fmt.Fprintln(p.in)
			require.NoError(t, err)
			require.True(t, p.out.Scan())
		}
	}
}

func TestStalePathGoesToOneOfSeveralServices(t *testing.T) {
	dir := t.TempDir()
	var all [atOnce]*gio.SocketListener
	for i := range all {
		all[i] = gio.NewSocketListener(nil)
		defer all[i].Close()
	}
	for i := range 100 {
		path := filepath.Join(dir, fmt.Sprint(i))
		stale(t, path)
		var wg sync.WaitGroup
		var errs [atOnce]error
		for j, l := range all {
			wg.Add(1)
			go func() {
				defer wg.Done()
				_, errs[j] = l.Listen("unix", path)
			}()
		}
		wg.Wait()
		winners := 0
		for _, err := range errs {
			if err == nil {
				winners++
			} else {
				require.ErrorIs(t, err, syscall.EADDRINUSE)
			}
		}
		require.Equal(t, 1, winners, "round %d: %v", i, errs)
	}
}

// Whoever finds the path taken has looked at it. Nobody is told of a client.
func TestASecondInstanceIsNoClient(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, addr := listenOn(t, "unix", path)
	second := gio.NewSocketListener(nil)
	defer second.Close()
	for range 3 {
		_, err := second.Listen("unix", path)
		require.ErrorIs(t, err, syscall.EADDRINUSE)
	}
	peer := dial(t, addr)
	_, err := io.WriteString(peer, "first\n")
	require.NoError(t, err)
	c, _, err := l.Accept(t.Context())
	require.NoError(t, err)
	defer c.Close()
	line, err := bufio.NewReader(c).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "first\n", line)
}

// replacing has something else at the path at a moment of Listen.
func replacing(svc *gio.SocketService, at gio.ListenerEvent, replace func()) {
	svc.ConnectEvent(func(e gio.ListenerEvent, _ net.Addr) {
		if e == at {
			replace()
		}
	})
}

func TestUnixModeIsNotThatOfWhatALinkPointsTo(t *testing.T) {
	for _, mode := range []os.FileMode{0o666, 0o600} { // with the umask against it, and not
		for _, at := range []gio.ListenerEvent{gio.ListenerBound, gio.ListenerListening} {
			dir := t.TempDir()
			path, victim := filepath.Join(dir, "s"), filepath.Join(dir, "victim")
			require.NoError(t, os.WriteFile(victim, nil, 0o640))
			svc := gio.NewSocketService(&gio.ServiceConfig{UnixMode: mode})
			replacing(svc, at, func() {
				_ = os.Remove(path)
				_ = os.Symlink(victim, path)
			})
			_, err := svc.Listen("unix", path)
			requireOpError(t, err, "listen", "unix", syscall.EADDRINUSE)
			require.NoError(t, svc.Close())
			fi, err := os.Stat(victim)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o640), fi.Mode().Perm())
			_, err = os.Readlink(path)
			require.NoError(t, err, "somebody else's link is left alone")
		}
	}
}

// Nobody is told that it listens at a path that is another's.
func TestPathThatIsLostBeforeItListensIsAnError(t *testing.T) {
	for name, replace := range map[string]func(path string) error{
		"a file":        func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"another's":     func(path string) error { stale(t, path); return nil },
		"nothing there": func(string) error { return nil },
	} {
		for _, mode := range []os.FileMode{0, 0o666} {
			path := filepath.Join(t.TempDir(), "s")
			svc := gio.NewSocketService(&gio.ServiceConfig{UnixMode: mode})
			var after error
			replacing(svc, gio.ListenerBound, func() { after = os.Remove(path) })
			replacing(svc, gio.ListenerBound, func() {
				if after == nil {
					after = replace(path)
				}
			})
			_, err := svc.Listen("unix", path)
			require.NoError(t, after)
			requireOpError(t, err, "listen", "unix", syscall.EADDRINUSE)
			require.Empty(t, svc.Addrs())
			before, statErr := os.Lstat(path)
			require.NoError(t, svc.Close())
			if statErr == nil {
				now, err := os.Lstat(path)
				require.NoError(t, err, name)
				require.True(t, os.SameFile(before, now), name)
			}
		}
	}
}

func TestFileThatComesWhileItListensIsLeftAtClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	svc := gio.NewSocketService(nil)
	var after error
	replacing(svc, gio.ListenerListened, func() {
		if after = os.Remove(path); after == nil {
			after = os.WriteFile(path, []byte("mine"), 0o600)
		}
	})
	_, err := svc.Listen("unix", path)
	require.NoError(t, err)
	require.NoError(t, after)
	require.NoError(t, svc.Close())
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "mine", string(b))
}

func TestReplacedDirectoryIsLeftAtClose(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	require.NoError(t, os.Mkdir(dir, 0o700))
	path := filepath.Join(dir, "s")
	l, _ := listenOn(t, "unix", path)
	require.NoError(t, os.Rename(dir, dir+".old"))
	require.NoError(t, os.Mkdir(dir, 0o700))
	other := listenNet(t, "unix", path)
	require.NoError(t, l.Close())
	_, err := net.Dial("unix", path)
	require.NoError(t, err, "the other server is where it was")
	require.NoError(t, other.Close())
}

func TestModeOfAPathIsNeverMoreThanItIsToBe(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "s")
	svc := gio.NewSocketService(&gio.ServiceConfig{UnixMode: 0o600})
	defer svc.Close()
	var seen []string
	svc.ConnectEvent(func(e gio.ListenerEvent, _ net.Addr) {
		if fi, err := os.Lstat(path); err == nil {
			seen = append(seen, fi.Mode().Perm().String())
		}
	})
	_, err := svc.Listen("unix", path)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("-rw------- ", 3), strings.Join(seen, " ")+" ")
}
