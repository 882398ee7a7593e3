package main

// Not an external test: a command cannot be imported.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/program"
	"github.com/glibserve/glibserve/examples/shared/servertest"
)

func TestMain(m *testing.M) { servertest.Main(m, main) }

func TestPeopleOnEveryAddressTalkToEachOther(t *testing.T) {
	path := t.TempDir() + "/s"
	args := []string{"-listen", "tcp:127.0.0.1:0", "-listen", "unix:" + path, "-listen", "unix:@glibserve-chat-" + fmt.Sprint(os.Getpid())}
	if ln, err := net.Listen("tcp", "[::1]:0"); err == nil { // some containers have no IPv6
		ln.Close()
		args = append(args, "-listen", "tcp:[::1]:0")
	}
	server := servertest.Start(t, args...)
	addrs := server.Addrs(len(args) / 2)
	var people []*servertest.Peer
	for i, addr := range addrs {
		p := servertest.Dial(t, addr)
		p.Expect("Welcome!")
		p.Send("/nick person%d\n", i)
		p.Expect(fmt.Sprintf("You are person%d now.", i))
		people = append(people, p)
	}
	for i, p := range people {
		p.Send("hello from %d\n", i)
		for j, other := range people {
			if j != i {
				other.Expect(fmt.Sprintf("] person%d: hello from %d\n", i, i))
			}
		}
	}

	late := servertest.Dial(t, addrs[0])
	for i := range people {
		late.Expect(fmt.Sprintf("] person%d: hello from %d\n", i, i))
	}
	late.Expect("* You are in lobby (")
	late.Send("/join attic\n/who\n")
	late.Expect("* In attic (1): guest")
}

func TestCtrlCTellsEverybodyAndEndsWithStatus0(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		path := t.TempDir() + "/s"
		server := servertest.Start(t, "-listen", "tcp:127.0.0.1:0", "-listen", "unix:"+path)
		var people []*servertest.Peer
		for _, addr := range server.Addrs(2) {
			for range 5 {
				p := servertest.Dial(t, addr)
				p.Expect("You are in lobby")
				people = append(people, p)
			}
		}
		people[0].Send("half a li")
		server.Signal(signal)
		for _, p := range people {
			require.True(t, strings.HasSuffix(p.Rest(), "* The server is shutting down. Goodbye.\n"))
		}
		require.Equal(t, program.OK, server.Wait())
		require.NoFileExists(t, path)
	}
}

func TestCtrlCDoesNotWaitForOneWhoDoesNotRead(t *testing.T) {
	server := servertest.Start(t, "-listen", "unix:"+t.TempDir()+"/s", "-rate", "0", "-queue", "1000000")
	deaf := servertest.Dial(t, server.Addrs(1)[0])
	_, err := deaf.Write([]byte(strings.Repeat("/help\n", 5_000))) // the answers fill the socket many times
	require.NoError(t, err)
	server.Signal(os.Interrupt)
	require.Equal(t, program.OK, server.Wait())
}

func TestASecondServerOnTheSameAddressIsToldSo(t *testing.T) {
	path := t.TempDir() + "/s"
	first := servertest.Start(t, "-listen", "tcp:127.0.0.1:0", "-listen", "unix:"+path)
	addrs := first.Addrs(2)
	for _, taken := range []string{"tcp:" + addrs[0].String(), "unix:" + path} {
		second := servertest.Start(t, "-listen", taken)
		require.Equal(t, program.Failure, second.Wait())
		require.Contains(t, second.Stderr(), "chat: cannot listen on ")
		require.Contains(t, second.Stderr(), "another program is already listening there")
		require.Empty(t, second.Stdout())
	}
	servertest.Dial(t, addrs[1]).Expect("Welcome!")
}

func TestMaxClientsIsAnAnswerAndNotSilence(t *testing.T) {
	server := servertest.Start(t, "-listen", "tcp:127.0.0.1:0", "-max-clients", "2")
	addr := server.Addrs(1)[0]
	first, second := servertest.Dial(t, addr), servertest.Dial(t, addr)
	first.Expect("You are in lobby")
	second.Expect("You are in lobby")
	// More at once than the service takes at once: the others wait their turn.
	var flood sync.WaitGroup
	for range 150 {
		flood.Add(1)
		go func() {
			defer flood.Done()
			p := servertest.Dial(t, addr)
			defer p.Close()
			p.Expect("! Sorry, you cannot come in now: the server is full: 2 people are already here. Please try again later.\n")
		}()
	}
	flood.Wait()
	second.Send("/quit\n")
	second.Rest()
	servertest.Dial(t, addr).Expect("Welcome!")
}

func TestMaxPerHostAndIdleTimeout(t *testing.T) {
	server := servertest.Start(t, "-listen", "tcp:127.0.0.1:0", "-listen", "unix:"+t.TempDir()+"/s",
		"-max-per-host", "1", "-idle-timeout", "300ms")
	for _, addr := range server.Addrs(2) {
		first := servertest.Dial(t, addr)
		first.Expect("Welcome!")
		servertest.Dial(t, addr).Expect("too many connections from your address: 1 at once")
		require.Contains(t, first.Rest(), "* Nothing came from you for 300ms")
	}
}

func TestAPipeGetsItsAnswers(t *testing.T) {
	server := servertest.Start(t, "-listen", "unix:"+t.TempDir()+"/s")
	p := servertest.Dial(t, server.Addrs(1)[0])
	p.Send("/nick bob\nhello\n/topic soup\n/topic\n/rooms")
	p.CloseWrite()
	all := p.Rest()
	require.Contains(t, all, "* The topic of lobby: soup\n")
	require.True(t, strings.HasSuffix(all, "* Rooms:\n*   lobby   1  soup\n"), all)
}

func TestTheLogSaysWhoAndNotWhat(t *testing.T) {
	server := servertest.Start(t, "-listen", "unix:"+t.TempDir()+"/s", "-log-format", "json")
	p := servertest.Dial(t, server.Addrs(1)[0])
	p.Send("/nick bob\nsecret\n/quit secret\n")
	p.Rest()
	server.Signal(os.Interrupt)
	require.Equal(t, program.OK, server.Wait())
	require.NotContains(t, server.Stderr(), "secret")
	var messages []string
	for _, line := range strings.Split(strings.TrimSpace(server.Stderr()), "\n") {
		var record map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &record), line)
		messages = append(messages, record["msg"].(string))
		if record["msg"] == "client left" {
			require.Equal(t, "bob", record["nick"])
			require.Equal(t, "quit", record["reason"])
			require.Equal(t, fmt.Sprintf("uid %d", os.Getuid()), record["remote"])
		}
	}
	require.Equal(t, []string{"client entered", "client left", "shutting down"}, messages)
}

func TestTheCommandLine(t *testing.T) {
	for _, c := range []struct {
		args           []string
		status         int
		stdout, stderr string
	}{
		{args: []string{"-h"}, status: program.OK, stdout: "nc 127.0.0.1 9001"},
		{args: []string{"-listen", "/tmp/s"}, status: program.Usage, stderr: "did you mean unix:/tmp/s?"},
		{args: []string{"-max-clients", "0"}, status: program.Usage, stderr: "-max-clients must be at least 1"},
		{args: []string{"-max-clients", "many"}, status: program.Usage, stderr: `invalid value "many" for flag -max-clients`},
		{args: []string{"-max-per-host", "-1"}, status: program.Usage, stderr: "-max-per-host must not be negative"},
		{args: []string{"-idle-timeout", "-1s"}, status: program.Usage, stderr: "-idle-timeout must not be negative"},
		{args: []string{"-queue", "0"}, status: program.Usage, stderr: "-queue must be at least 1"},
		{args: []string{"-rate", "NaN"}, status: program.Usage, stderr: "-rate must be a number"},
		{args: []string{"-nats", "http://127.0.0.1"}, status: program.Usage, stderr: `chat: -nats: "http" is not a way to a NATS server`},
		{args: []string{"-nats", "nats://me:secret@:4222"}, status: program.Usage, stderr: "chat: -nats: no host in it"},
		{args: []string{"-nats-subject", "a.*"}, status: program.Usage, stderr: `-nats-subject "a.*" will not do: it contains '*'`},
		{args: []string{"-nats-heartbeat", "1ms"}, status: program.Usage, stderr: "-nats-heartbeat must be between"},
		{args: []string{"-log-level", "loud"}, status: program.Usage, stderr: "-log-level"},
		{args: []string{"-log-format", "xml"}, status: program.Usage, stderr: `-log-format is text or json, not "xml"`},
		{args: []string{"-h"}, status: program.OK, stdout: "http://127.0.0.1:9080/"},
		{args: []string{"-web", "127.0.0.1:9080"}, status: program.Usage, stderr: "did you mean tcp:127.0.0.1:9080?"},
		{args: []string{"-web", "http://127.0.0.1:9080/"}, status: program.Usage, stderr: "is not an address to listen on"},
		{args: []string{"-tls-cert", "c"}, status: program.Usage, stderr: "-tls-cert and -tls-key go together"},
		{args: []string{"-tls-key", "k"}, status: program.Usage, stderr: "-tls-cert and -tls-key go together"},
		{args: []string{"-tls-cert", "c", "-tls-key", "k"}, status: program.Usage, stderr: "-tls-cert is for the addresses of -listen-tls and -web-tls, and there are none"},
		{args: []string{"-listen-tls", "tcp:127.0.0.1:0"}, status: program.Usage, stderr: "-listen-tls and -web-tls need a certificate"},
		{args: []string{"-web-tls", "tcp:127.0.0.1:0"}, status: program.Usage, stderr: "-listen-tls and -web-tls need a certificate"},
		{args: []string{"-web", "tcp:127.0.0.1:9001"}, status: program.Usage, stderr: "tcp:127.0.0.1:9001 is wanted for two protocols"},
		{args: []string{"-web", "tcp:192.0.2.1:9000", "-listen", "tcp:127.0.0.1:0"}, status: program.Failure, stderr: "cannot listen on tcp 192.0.2.1:9000: this machine has no such address"},
		{args: []string{"-listen", "tcp:192.0.2.1:9000"}, status: program.Failure, stderr: "this machine has no such address"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, c.status, run(context.Background(), c.args, &stdout, &stderr), c.args)
		require.Contains(t, stdout.String(), c.stdout)
		require.Contains(t, stderr.String(), c.stderr)
		require.Equal(t, c.stderr == "", stderr.Len() == 0)
	}
}

func TestItRunsInsideAnotherProgram(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var stderr bytes.Buffer
	stdout, lines := newLineWriter()
	status := make(chan int)
	go func() {
		status <- run(ctx, []string{"-listen", "tcp:127.0.0.1:0", "-log-level", "error"}, stdout, &stderr)
	}()
	addr, err := net.ResolveTCPAddr("tcp", strings.TrimPrefix(strings.TrimSpace(<-lines), "listening on tcp "))
	require.NoError(t, err)
	p := servertest.Dial(t, addr)
	p.Expect("Welcome!")
	cancel()
	require.Contains(t, p.Rest(), "shutting down")
	p.Close()
	require.Equal(t, program.OK, <-status)
	require.Empty(t, stderr.String())
}

// lineWriter hands each write over.
type lineWriter chan string

func newLineWriter() (lineWriter, <-chan string) {
	lines := make(lineWriter, 10)
	return lines, lines
}

func (w lineWriter) Write(p []byte) (int, error) {
	w <- string(p)
	return len(p), nil
}
