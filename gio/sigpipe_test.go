package gio_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/giotest"
	"github.com/glibserve/glibserve/gio/internal/test/plaingio"
)

// GSocket has SIGPIPE ignored in the whole process. This library has a handler in
// its place: that protects as well, and ends with exec.

func init() {
	// serves, and becomes another program, which tells what it ignores.
	helpers["serves and execs"] = func([]string) error {
		if err := giotest.WarmUp(); err != nil {
			return err
		}
		return syscall.Exec("/bin/sh", []string{"sh", "-c", "grep SigIgn /proc/self/status"}, os.Environ())
	}
	helpers["writes to a broken pipe"] = writesToABrokenPipe
	helpers["writes to a broken stdout"] = func([]string) error {
		if err := giotest.WarmUp(); err != nil {
			return err
		}
		for {
			if _, err := fmt.Println("more"); err != nil {
				return errors.New("outlived its reader, unlike other programs")
			}
		}
	}
}

func init() {
	helpers["is notified of a broken stdout"] = func([]string) error {
		ch := make(chan os.Signal, 1)
		signal.Notify(ch, syscall.SIGPIPE)
		if err := giotest.WarmUp(); err != nil {
			return err
		}
		if _, err := fmt.Println("nobody reads this"); !errors.Is(err, syscall.EPIPE) {
			return fmt.Errorf("write to a broken stdout: %w", err)
		}
		select {
		case <-ch:
			return nil
		case <-time.After(patience):
			return errors.New("no signal came")
		}
	}
}

// sigpipeOf is the bit of SIGPIPE in a line of /proc/PID/status.
func sigpipeOf(t *testing.T, line string) bool {
	t.Helper()
	var mask uint64
	_, err := fmt.Sscanf(line, "SigIgn: %x", &mask)
	require.NoError(t, err, line)
	return mask&(1<<(syscall.SIGPIPE-1)) != 0
}

func TestSIGPIPEIsNotIgnored(t *testing.T) {
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, line, _ := strings.Cut(string(status), "\nSigIgn:")
	line, _, _ = strings.Cut(line, "\n")
	require.False(t, sigpipeOf(t, "SigIgn:"+line), "warmUp has served")
}

func TestSIGPIPEIsNotIgnoredAfterExec(t *testing.T) {
	out, err := helper(t, "serves and execs").CombinedOutput()
	require.NoError(t, err, string(out))
	require.False(t, sigpipeOf(t, string(out)), string(out))
}

// brokenStdout runs a helper whose standard output nobody reads.
func brokenStdout(t *testing.T, name string) (status syscall.WaitStatus, said string) {
	t.Helper()
	cmd := helper(t, name)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	var b strings.Builder
	cmd.Stdout, cmd.Stderr = w, &b
	require.NoError(t, cmd.Start())
	require.NoError(t, w.Close())
	require.NoError(t, r.Close())
	_ = cmd.Wait()
	return cmd.ProcessState.Sys().(syscall.WaitStatus), b.String()
}

// A program in a pipe ends with its reader, as without this library.
func TestAProgramEndsWithItsReader(t *testing.T) {
	status, said := brokenStdout(t, "writes to a broken stdout")
	require.True(t, status.Signaled() && status.Signal() == syscall.SIGPIPE, "%v %s", status, said)
}

func TestSIGPIPEOfABrokenStdoutIsNotified(t *testing.T) {
	status, said := brokenStdout(t, "is notified of a broken stdout")
	require.True(t, status.Exited() && status.ExitStatus() == 0, "%v %s", status, said)
}

// writesToABrokenPipe from a thread of GLib's, from one of Go's, and to connections.
func writesToABrokenPipe([]string) error {
	if err := giotest.WarmUp(); err != nil {
		return err
	}
	if errno := plaingio.WriteToBrokenPipe(); errno != syscall.EPIPE {
		return fmt.Errorf("a thread of GLib's: %w", errno)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	_ = r.Close()
	if _, err := w.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		return fmt.Errorf("a goroutine: %w", err)
	}
	for _, exposed := range []bool{false, true} {
		a, b, err := gio.SocketPair()
		if err != nil {
			return err
		}
		if exposed {
			a.Gotk4()
		}
		_ = b.Close()
		for range 2 {
			if _, err := a.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
				return fmt.Errorf("a connection: %w", err)
			}
		}
		_ = a.Close()
	}
	return toAResetClient()
}

// toAResetClient writes to a client that has reset its connection.
func toAResetClient() error {
	l := gio.NewSocketListener(nil)
	defer l.Close()
	addr, err := l.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	peer, err := net.Dial("tcp", addr.String())
	if err != nil {
		return err
	}
	conn, err := l.NetListener().Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = peer.(*net.TCPConn).SetLinger(0)
	_ = peer.Close()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if _, err = conn.Write([]byte("x")); errors.Is(err, syscall.EPIPE) {
			return nil
		}
	}
	return fmt.Errorf("a TCP connection: %w", err)
}

// Neither a thread of GLib's, for which Go's handler is no good, nor a goroutine.
func TestNobodyDiesOfABrokenPipe(t *testing.T) {
	mustRun(t, helper(t, "writes to a broken pipe"))
}
