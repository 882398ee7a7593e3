package main

// Not an external test: a command cannot be imported.

import (
	"bytes"
	"context"
	"errors"
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
	_ "time/tzdata" // so that TZ means something wherever the tests run

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/program"
	"github.com/glibserve/glibserve/examples/shared/servertest"
)

func TestMain(m *testing.M) { servertest.Main(m, main) }

// tokyo is nine hours from UTC, all the year.
const tokyo = "TZ=Asia/Tokyo"

// requireTime checks an answer: the time, in that zone.
func requireTime(t *testing.T, answer, zone string) {
	t.Helper()
	at, err := time.Parse(time.RFC1123Z+"\n", answer)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), at, servertest.Patience)
	require.True(t, strings.HasSuffix(answer, " "+zone+"\n"), answer)
}

// answer is what a client gets.
func answer(t *testing.T, addr net.Addr) string {
	t.Helper()
	client := servertest.Dial(t, addr)
	defer client.Close()
	return client.Rest()
}

// activate runs the program by systemd's own systemd-socket-activate, on a TCP
// port and a Unix path, and waits until that listens. The program itself is
// started by the first client.
func activate(t *testing.T, fdname string, args ...string) (p *servertest.Process, tcp, unix net.Addr) {
	t.Helper()
	activator := servertest.Tool(t, "systemd-socket-activate", "systemd")
	for range 5 {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, free.Close())
		tcp = free.Addr()
		unix = &net.UnixAddr{Net: "unix", Name: t.TempDir() + "/s"}
		command := []string{"-l", tcp.String(), "-l", unix.String(), "-E", servertest.AsProgram, "-E", tokyo}
		if fdname != "" {
			command = append(command, "--fdname="+fdname)
		}
		command = append(append(command, servertest.Self(t)), args...)
		p = servertest.StartCommand(t, exec.Command(activator, command...))
		require.Eventually(t, func() bool {
			return strings.Contains(p.Stderr(), unix.String()+" as 4.") || strings.Contains(p.Stderr(), "in use")
		}, servertest.Patience, 10*time.Millisecond)
		if !strings.Contains(p.Stderr(), "in use") { // somebody took the port before it could
			break
		}
	}
	return p, tcp, unix
}

func TestSystemdHandsOverItsSockets(t *testing.T) {
	for _, c := range []struct{ fdname, tcp, unix string }{
		{fdname: "", tcp: "+0900", unix: "+0900"},
		{fdname: "local:utc", tcp: "+0900", unix: "+0000"},
		{fdname: "utc:other", tcp: "+0000", unix: "+0900"},
	} {
		p, tcp, unix := activate(t, c.fdname, "-idle", "0")
		require.Empty(t, p.Stdout(), "nobody has come, so it does not run")
		for range 3 {
			requireTime(t, answer(t, tcp), c.tcp)
			requireTime(t, answer(t, unix), c.unix)
		}
		require.Equal(t, fmt.Sprintf("listening on tcp %v\nlistening on unix %v", tcp, unix), p.Stdout())
		p.Signal(os.Interrupt)
		require.Equal(t, program.OK, p.Wait())
		require.FileExists(t, unix.String(), "the path is systemd's")
	}
}

func TestItEndsWhenNobodyComes(t *testing.T) {
	p, tcp, _ := activate(t, "", "-idle", "100ms")
	requireTime(t, answer(t, tcp), "+0900")
	require.Equal(t, program.OK, p.Wait())
	require.Contains(t, p.Stderr(), "activation: no client for 100ms: ending, until systemd starts it anew\n")
}

// handOver runs the program with sockets, as systemd does.
func handOver(t *testing.T, sockets []*os.File, args ...string) *servertest.Process {
	t.Helper()
	return servertest.StartCommand(t, servertest.Activated(servertest.Self(t), sockets, args...))
}

// Between the last accept of one process and the first of the next, clients
// wait; none is accepted and then forgotten.
func TestNoClientIsLostBetweenOneProcessAndTheNext(t *testing.T) {
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer ln.Close()
	socket, err := ln.File()
	require.NoError(t, err)
	defer socket.Close()

	over := make(chan struct{})
	answered, lost := make(chan struct{}), make(chan error, 8)
	var clients sync.WaitGroup
	for range cap(lost) {
		clients.Add(1)
		go func() {
			defer clients.Done()
			for {
				if err := ask(ln.Addr()); err != nil {
					lost <- err
					return
				}
				select {
				case answered <- struct{}{}:
				case <-over:
					return
				}
			}
		}()
	}
	for range 20 {
		p := handOver(t, []*os.File{socket}, "-idle", "0")
		for range 40 {
			select {
			case <-answered:
			case err := <-lost:
				require.NoError(t, err)
			}
		}
		p.Signal(syscall.SIGTERM)
		for ended := false; !ended; {
			select {
			case <-answered: // they go on while it ends
			case err := <-lost:
				require.NoError(t, err)
			case <-p.Exited():
				ended = true
			}
		}
		require.Equal(t, program.OK, p.Wait(), p.Stderr())
	}
	close(over)
	handOver(t, []*os.File{socket}, "-idle", "0") // for those who still wait
	clients.Wait()
	require.Empty(t, lost)
}

// ask is one client, which wants an answer.
func ask(addr net.Addr) error {
	conn, err := net.DialTimeout(addr.Network(), addr.String(), servertest.Patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(servertest.Patience)); err != nil {
		return err
	}
	answer, err := io.ReadAll(conn)
	if err == nil && len(answer) == 0 {
		err = errors.New("accepted, and closed without an answer")
	}
	return err
}

func TestWhatIsNoSocketToListenOnIsRefused(t *testing.T) {
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close()
	datagram, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer datagram.Close()
	packets, err := datagram.File()
	require.NoError(t, err)
	defer packets.Close()
	for _, c := range []struct {
		socket *os.File
		reason string
	}{
		{null, "socket operation on non-socket"},
		{packets, "it does not listen (the .socket unit needs ListenStream= and Accept=no)"},
	} {
		p := handOver(t, []*os.File{c.socket})
		require.Equal(t, program.Usage, p.Wait())
		require.Equal(t, "activation: descriptor 3 of LISTEN_FDS=1 is no socket to listen on: "+c.reason+"\nTry 'activation -h'.\n", p.Stderr())
	}
}

func TestTheEnvironmentIsCheckedWithTheReason(t *testing.T) {
	const self = 42
	open := func(fd int) error {
		if fd < 5 {
			return nil
		}
		return syscall.EBADF
	}
	for _, c := range []struct{ pid, fds, names, reason string }{
		{"", "", "", "systemd has handed over no socket"},
		{"", "1", "", `LISTEN_PID is "", which is not the id of a process`},
		{"x", "1", "", `LISTEN_PID is "x"`},
		{"-42", "1", "", `LISTEN_PID is "-42"`},
		{"41", "1", "", "LISTEN_PID is 41 and this is process 42"},
		{"42", "", "", `LISTEN_FDS is "", which is not a number of sockets`},
		{"42", "many", "", `LISTEN_FDS is "many"`},
		{"42", "1.5", "", `LISTEN_FDS is "1.5"`},
		{"42", "0", "", `LISTEN_FDS is "0"`},
		{"42", "-1", "", `LISTEN_FDS is "-1"`},
		{"42", "99999999999999999999", "", `LISTEN_FDS is "99999999999999999999"`},
		{"42", "3", "", "descriptor 5 of LISTEN_FDS=3 is no socket to listen on: bad file descriptor"},
		{"42", "2147483647", "", "descriptor 5 of LISTEN_FDS=2147483647 is no socket"},
		{"42", "2", "a:b:c", "LISTEN_FDNAMES has 3 names and LISTEN_FDS says 2 sockets"},
		{"42", "2", "a", "LISTEN_FDNAMES has 1 names"},
		{"42", "2", "a:b", ""},
		{"42", "1", "", ""},
	} {
		err := check(func(name string) string {
			return map[string]string{"LISTEN_PID": c.pid, "LISTEN_FDS": c.fds, "LISTEN_FDNAMES": c.names}[name]
		}, self, open)
		if c.reason == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, c.reason)
		require.NotContains(t, err.Error(), "\n")
	}
}

// What systemd itself thinks of the unit files, but for where the program is
// installed.
func TestTheUnitFilesAreGood(t *testing.T) {
	analyze := servertest.Tool(t, "systemd-analyze", "systemd")
	dir := t.TempDir()
	files, err := os.ReadDir("units")
	require.NoError(t, err)
	args := []string{"verify", "--man=no"}
	for _, file := range files {
		text, err := os.ReadFile("units/" + file.Name())
		require.NoError(t, err)
		text = bytes.ReplaceAll(text, []byte("/usr/local/bin/glibserve-time "), []byte(servertest.Self(t)+" "))
		require.NoError(t, os.WriteFile(dir+"/"+file.Name(), text, 0o600))
		args = append(args, dir+"/"+file.Name())
	}
	require.Len(t, args, 2+3)
	cmd := exec.Command(analyze, args...)
	cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":")
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, string(output))
	require.NotContains(t, string(output), "glibserve-time")
}

func TestTheCommandLine(t *testing.T) {
	for _, c := range []struct {
		args   []string
		reason string
	}{
		{nil, "activation: systemd has handed over no socket (LISTEN_FDS is not set): start it by systemd or by systemd-socket-activate\n"},
		{[]string{"-idle", "-1s"}, "activation: -idle must not be negative\n"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, program.Usage, run(context.Background(), c.args, &stdout, &stderr))
		require.Equal(t, c.reason+"Try 'activation -h'.\n", stderr.String())
		require.Empty(t, stdout.String())
	}
}
