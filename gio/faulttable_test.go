package gio_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// The fault table: the same faults for a plain GSocketService in C
// (testdata/faults/plain.c) and for this library, measured in one run:
//
//	go test ./gio -run TestFaultTable -v
//
// prints the table of FAULTS.md.

func init() { helpers["fault server"] = faultServer }

// faultServer is plain.c with this library.
func faultServer(args []string) error {
	svc := gio.NewSocketService(&gio.ServiceConfig{Logger: quiet})
	network, address := "tcp", "127.0.0.1:0"
	if len(args) > 0 {
		network, address = "unix", args[0]
	}
	addr, err := svc.Listen(network, address)
	if err != nil {
		fmt.Println("error", err)
		return nil
	}
	go func() {
		_ = svc.Serve(context.Background(), gio.HandlerFunc(func(ctx context.Context, c *gio.SocketConnection) {
			if c.RemoteAddr() == nil {
				fmt.Println("no address")
			}
			echo(ctx, c)
		}))
	}()
	port := 0
	if tcp, ok := addr.(*net.TCPAddr); ok {
		port = tcp.Port
	}
	fmt.Println("listening", port)
	var hogged []int
	for in := bufio.NewScanner(os.Stdin); in.Scan(); fmt.Println("done") {
		switch in.Text() {
		case "hog":
			for {
				fd, err := syscall.Open(os.DevNull, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
				if err != nil {
					break
				}
				hogged = append(hogged, fd)
			}
		case "free":
			for _, fd := range hogged {
				_ = syscall.Close(fd)
			}
			hogged = nil
		case "stop":
			svc.Stop()
		case "start":
			svc.Start()
		case "steal":
			steal()
		case "close":
			if err := svc.Close(); err != nil {
				return err
			}
			fmt.Println("done")
			return nil
		}
	}
	return nil
}

// faultPeer is a running server of either kind.
type faultPeer struct {
	t      *testing.T
	f      *faults
	cmd    *exec.Cmd
	in     io.Writer
	addr   net.Addr // nil: it could not listen
	why    string
	answer chan string

	mu       sync.Mutex // protects what follows
	warnings int
	noAddr   int
}

// faultServers makes servers of each kind, by the name of its column.
func faultServers(t *testing.T) (names []string, start map[string]func(t *testing.T, args ...string) *faultPeer) {
	t.Helper()
	plain := filepath.Join(t.TempDir(), "plain")
	flags := strings.Fields(pkgConfig(t, "--cflags", "--libs", "gio-2.0", "gio-unix-2.0"))
	cc := append(compiler(t), "-Wall", "-o", plain, filepath.Join("testdata", "faults", "plain.c"))
	cc = append(cc, flags...)
	out, err := exec.Command(cc[0], cc[1:]...).CombinedOutput()
	require.NoError(t, err, string(out))
	return []string{"plain GIO", "this library"}, map[string]func(t *testing.T, args ...string) *faultPeer{
		"plain GIO": func(t *testing.T, args ...string) *faultPeer {
			cmd := exec.CommandContext(t.Context(), plain, args...)
			cmd.Env = os.Environ()
			return startPeer(t, cmd)
		},
		"this library": func(t *testing.T, args ...string) *faultPeer { return startPeer(t, helper(t, "fault server", args...)) },
	}
}

func startPeer(t *testing.T, cmd *exec.Cmd) *faultPeer {
	t.Helper()
	env, f := preload(t)
	p := &faultPeer{t: t, f: f, cmd: cmd, answer: make(chan string, 16)}
	// Few descriptors are taken sooner.
	cmd.Args = append([]string{"sh", "-c", `ulimit -n 256; exec "$@"`, "sh", cmd.Path}, cmd.Args[1:]...)
	sh, err := exec.LookPath("sh")
	require.NoError(t, err)
	cmd.Path = sh
	cmd.Env = append(cmd.Env, env...)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	p.in = in
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var readers sync.WaitGroup
	readers.Add(2)
	go func() { defer readers.Done(); p.readAnswers(stdout) }()
	go func() { defer readers.Done(); p.readLog(stderr) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		readers.Wait()
		_ = cmd.Wait()
	})
	switch word, rest, _ := strings.Cut(receive(t, p.answer), " "); word {
	case "listening":
		port, err := strconv.Atoi(rest)
		require.NoError(t, err)
		p.addr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
		if port == 0 {
			p.addr = &net.UnixAddr{Name: cmd.Args[len(cmd.Args)-1], Net: "unix"}
		}
	default:
		p.why = rest
	}
	return p
}

func (p *faultPeer) readAnswers(r io.Reader) {
	for s := bufio.NewScanner(r); s.Scan(); {
		if s.Text() == "no address" {
			p.mu.Lock()
			p.noAddr++
			p.mu.Unlock()
			continue
		}
		p.answer <- s.Text()
	}
}

func (p *faultPeer) readLog(r io.Reader) {
	for s := bufio.NewScanner(r); s.Scan(); {
		if strings.Contains(s.Text(), "fail: ") {
			p.mu.Lock()
			p.warnings++
			p.mu.Unlock()
		}
	}
}

func (p *faultPeer) logged() (warnings, noAddr int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.warnings, p.noAddr
}

func (p *faultPeer) tell(command string) {
	p.t.Helper()
	_, err := fmt.Fprintln(p.in, command)
	require.NoError(p.t, err)
	require.Equal(p.t, "done", receive(p.t, p.answer))
}

// cpu is what the process has used.
func (p *faultPeer) cpu() time.Duration {
	p.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	require.NoError(p.t, err)
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+2:]))
	user, err := strconv.Atoi(fields[11])
	require.NoError(p.t, err)
	system, err := strconv.Atoi(fields[12])
	require.NoError(p.t, err)
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100 everywhere
}

// connect makes a client that has sent a byte, and get says whether that comes
// back.
func (p *faultPeer) connect() net.Conn {
	c := dial(p.t, p.addr)
	_, err := c.Write([]byte("x"))
	require.NoError(p.t, err)
	return c
}

func get(c net.Conn) bool {
	defer c.Close()
	_, err := io.ReadFull(c, make([]byte, 1))
	return err == nil
}

// throughout measures a second in which clients wait and something is wrong, and
// then how long the clients waited once it was right again.
func (p *faultPeer) throughout(wrong, right func()) string {
	require.True(p.t, get(p.connect()), "serves before")
	wrong()
	clients := []net.Conn{p.connect(), p.connect(), p.connect()}
	// Its first reaction is not what is measured.
	time.Sleep(100 * time.Millisecond)
	before := p.cpu()
	warnings, _ := p.logged()
	time.Sleep(time.Second)
	spent := p.cpu() - before
	now, _ := p.logged()
	right()
	began, served := time.Now(), 0
	for _, c := range clients {
		if get(c) {
			served++
		}
	}
	return fmt.Sprintf("%d %% of a core, %d warnings a second; then %d of %d served within %d ms",
		spent.Milliseconds()/10, now-warnings, served, len(clients), roundUp(time.Since(began)))
}

// roundUp keeps milliseconds from looking more exact than they are.
func roundUp(d time.Duration) int64 { return (d.Milliseconds()/10 + 1) * 10 }

// faultScene is a row: what a server does in it, as words and as what must be
// true of this library.
type faultScene struct {
	name string
	args func(t *testing.T) []string
	play func(p *faultPeer) (words string, good bool)
}

func acceptFails(errno syscall.Errno, name string) faultScene {
	return faultScene{name: "accept(2) answers " + name + " for a second", play: func(p *faultPeer) (string, bool) {
		words := p.throughout(func() { p.f.fail(callAccept, errno, 0, -1) }, func() { p.f.stop(callAccept) })
		warnings, _ := p.logged()
		return words, warnings < 40 && strings.Contains(words, "3 of 3")
	}}
}

func acceptFailsOnce(errno syscall.Errno, name string) faultScene {
	return faultScene{name: "accept(2) answers " + name + " 5 times", play: func(p *faultPeer) (string, bool) {
		p.f.fail(callAccept, errno, 0, 5)
		served := 0
		for range 10 {
			if get(p.connect()) {
				served++
			}
		}
		warnings, _ := p.logged()
		return fmt.Sprintf("%d of 10 clients served, %d warnings", served, warnings), served == 10
	}}
}

func unixPath(t *testing.T) string { return filepath.Join(t.TempDir(), "s") }

// listens is what becomes of a path that is taken in some way.
func listens(name string, before func(t *testing.T, path string), good func(p *faultPeer, path string) bool) faultScene {
	var path string
	return faultScene{
		name: name,
		args: func(t *testing.T) []string {
			path = unixPath(t)
			before(t, path)
			return []string{path}
		},
		play: func(p *faultPeer) (string, bool) {
			words := "refused: " + p.why
			if p.addr != nil {
				words = "listens"
				if get(p.connect()) {
					words += " and serves"
				}
			}
			return strings.ReplaceAll(words, path, "PATH"), good(p, path)
		},
	}
}

func faultScenes() []faultScene {
	return []faultScene{
		{name: "other code holds every descriptor for a second", play: func(p *faultPeer) (string, bool) {
			words := p.throughout(func() { p.tell("hog") }, func() { p.tell("free") })
			warnings, _ := p.logged()
			// None, unless they went in the moment after the service had looked.
			return words, warnings <= 8 && strings.Contains(words, "3 of 3")
		}},
		acceptFails(syscall.ENFILE, "ENFILE"),
		acceptFails(syscall.ENOMEM, "ENOMEM"),
		acceptFails(syscall.ENOBUFS, "ENOBUFS"),
		acceptFailsOnce(syscall.ECONNABORTED, "ECONNABORTED"),
		acceptFailsOnce(syscall.EPROTO, "EPROTO"),
		acceptFailsOnce(syscall.EINTR, "EINTR"),
		listenerStolen(),
		{name: "8 clients reset before they are accepted", play: func(p *faultPeer) (string, bool) {
			p.tell("stop")
			for range 8 { // plain GIO has a backlog of 10
				c := p.connect().(*net.TCPConn)
				require.NoError(p.t, c.SetLinger(0))
				require.NoError(p.t, c.Close())
			}
			p.tell("start")
			served := get(p.connect())
			_, none := p.logged()
			return fmt.Sprintf("%d have no address; the next client is served: %v", none, served), none == 0 && served
		}},
		{name: "stop and start, 20 times, with a client in the queue", play: func(p *faultPeer) (string, bool) {
			lost := 0
			for range 20 {
				c := p.connect()
				p.tell("stop")
				p.tell("start")
				if !get(c) {
					lost++
				}
			}
			return fmt.Sprintf("%d of 20 clients lost", lost), lost == 0
		}},
		listens("a stale socket at the path", func(t *testing.T, path string) { stale(t, path) },
			func(p *faultPeer, _ string) bool { return p.addr != nil }),
		listens("a file at the path", func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, []byte("mine"), 0o600)) },
			func(p *faultPeer, path string) bool {
				b, err := os.ReadFile(path)
				return p.addr == nil && err == nil && string(b) == "mine"
			}),
		listens("a symbolic link at the path", func(t *testing.T, path string) { require.NoError(t, os.Symlink("nowhere", path)) },
			func(p *faultPeer, path string) bool {
				_, err := os.Readlink(path)
				return p.addr == nil && err == nil
			}),
		{name: "the path after close", args: func(t *testing.T) []string { return []string{unixPath(t)} }, play: func(p *faultPeer) (string, bool) {
			p.tell("close")
			_, err := os.Lstat(p.addr.String())
			gone := errors.Is(err, os.ErrNotExist)
			return map[bool]string{true: "is gone", false: "stays behind"}[gone], gone
		}},
	}
}

func TestFaultTable(t *testing.T) {
	names, start := faultServers(t)
	var table strings.Builder
	fmt.Fprintf(&table, "\nGLib %s\n\n| fault | %s |\n|---|---|---|\n", strings.TrimSpace(pkgConfig(t, "--modversion", "gio-2.0")), strings.Join(names, " | "))
	for _, scene := range faultScenes() {
		row := []string{scene.name}
		for _, name := range names {
			t.Run(scene.name+"/"+name, func(t *testing.T) {
				var args []string
				if scene.args != nil {
					args = scene.args(t)
				}
				words, good := scene.play(start[name](t, args...))
				if name != names[0] {
					require.True(t, good, words)
				}
				row = append(row, words)
			})
		}
		fmt.Fprintf(&table, "| %s |\n", strings.Join(row, " | "))
	}
	t.Log(table.String())
}
