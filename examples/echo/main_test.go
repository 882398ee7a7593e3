package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/program"
	"github.com/glibserve/glibserve/examples/shared/servertest"
)

func TestMain(m *testing.M) { servertest.Main(m, main) }

// everywhere is a -listen of every kind that this machine has.
func everywhere(t *testing.T) (args []string) {
	args = []string{"-listen", "tcp:127.0.0.1:0", "-listen", "unix:" + t.TempDir() + "/s", "-listen", "unix:@glibserve-echo-" + strconv.Itoa(os.Getpid())}
	if ln, err := net.Listen("tcp", "[::1]:0"); err == nil { // some containers have no IPv6
		ln.Close()
		args = append(args, "-listen", "tcp:[::1]:0")
	}
	return args
}

// roundTrip sends size random bytes, and requires the same back.
func roundTrip(t *testing.T, addr net.Addr, size int64) {
	t.Helper()
	require.NoError(t, exchange(addr, size))
}

// exchange is roundTrip for any goroutine.
func exchange(addr net.Addr, size int64) error {
	conn, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(servertest.Patience)); err != nil {
		return err
	}
	sent, received := sha256.New(), sha256.New()
	failed := make(chan error, 1)
	go func() {
		source := rand.NewChaCha8([32]byte{byte(size)})
		_, err := io.Copy(io.MultiWriter(conn, sent), io.LimitReader(source, size))
		if err == nil {
			err = conn.(interface{ CloseWrite() error }).CloseWrite()
		}
		failed <- err
	}()
	n, err := io.Copy(received, conn)
	if err := errors.Join(err, <-failed); err != nil {
		return err
	}
	if n != size || !bytes.Equal(sent.Sum(nil), received.Sum(nil)) {
		return fmt.Errorf("%d bytes came back for %d, or others", n, size)
	}
	return nil
}

func TestEverythingComesBackOnEveryAddress(t *testing.T) {
	args := everywhere(t)
	p := servertest.Start(t, args...)
	for _, addr := range p.Addrs(len(args) / 2) {
		for _, size := range []int64{0, 1, 1000, 10_000, 64 << 10, 64<<10 + 1, 8 << 20} {
			roundTrip(t, addr, size)
		}
	}
	p.Signal(os.Interrupt)
	require.Equal(t, program.OK, p.Wait())
	require.Empty(t, p.Stderr())
}

func TestManyClientsAtOnce(t *testing.T) {
	p := servertest.Start(t, "-listen", "tcp:127.0.0.1:0")
	addr := p.Addrs(1)[0]
	const clients = 64
	failed := make(chan error, clients)
	for range clients {
		go func() {
			var all error
			for range 5 {
				all = errors.Join(all, exchange(addr, 10_000))
			}
			failed <- all
		}()
	}
	for range clients {
		require.NoError(t, <-failed)
	}
}

func TestASignalEndsItWithStatus0AlthoughClientsStay(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		path := t.TempDir() + "/s"
		p := servertest.Start(t, "-listen", "tcp:127.0.0.1:0", "-listen", "unix:"+path, "-grace", "50ms")
		addrs := p.Addrs(2)
		quiet, deaf := servertest.Dial(t, addrs[0]), servertest.Dial(t, addrs[1])
		quiet.Send("x\n")
		quiet.Expect("x")
		go func() {
			for err := error(nil); err == nil; { // and never reads: the server is stuck in a write
				_, err = deaf.Write(make([]byte, 64<<10))
			}
		}()
		p.Signal(signal)
		require.Equal(t, program.OK, p.Wait())
		require.Empty(t, p.Stderr())
		require.NoFileExists(t, path)
	}
}

func TestASecondServerOnTheSameAddressIsToldSo(t *testing.T) {
	path := t.TempDir() + "/s"
	first := servertest.Start(t, "-listen", "tcp:127.0.0.1:0", "-listen", "unix:"+path)
	addrs := first.Addrs(2)
	for _, taken := range []string{"tcp:" + addrs[0].String(), "unix:" + path} {
		second := servertest.Start(t, "-listen", "tcp:127.0.0.1:0", "-listen", taken)
		require.Equal(t, program.Failure, second.Wait())
		require.Contains(t, second.Stderr(), "another program is already listening there")
		require.Equal(t, 1, bytes.Count([]byte(second.Stderr()), []byte("\n")))
		require.Empty(t, second.Stdout(), "nobody is told that it listens")
	}
	for _, addr := range addrs {
		roundTrip(t, addr, 100)
	}
}

func TestASocketLeftBehindIsReplaced(t *testing.T) {
	path := t.TempDir() + "/s"
	left, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: path})
	require.NoError(t, err)
	left.SetUnlinkOnClose(false)
	require.NoError(t, left.Close())
	roundTrip(t, servertest.Start(t, "-listen", "unix:"+path).Addrs(1)[0], 100)
}

func TestTheCommandLine(t *testing.T) {
	for _, c := range []struct {
		args           []string
		status         int
		stdout, stderr string
	}{
		{args: []string{"-h"}, status: program.OK, stdout: "nc -U /tmp/echo.sock"},
		{args: []string{"-listen", "9000"}, status: program.Usage, stderr: `"9000" is not an address to listen on`},
		{args: []string{"-grace", "-1s"}, status: program.Usage, stderr: "-grace must not be negative"},
		{args: []string{"-loops", "0"}, status: program.Usage, stderr: "-loops is a number from 1 to 256"},
		{args: []string{"9000"}, status: program.Usage, stderr: `unexpected argument "9000"`},
		{args: []string{"-listen", "tcp:192.0.2.1:9000"}, status: program.Failure, stderr: "this machine has no such address"},
		{args: []string{"-listen", "unix:/dev/null"}, status: program.Failure, stderr: "not a socket"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, c.status, run(context.Background(), c.args, &stdout, &stderr), c.args)
		require.Contains(t, stdout.String(), c.stdout)
		require.Contains(t, stderr.String(), c.stderr)
		require.Equal(t, c.stderr == "", stderr.Len() == 0)
	}
}
