package faults_test

import (
	"bufio"
	"context"
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
	"github.com/glibserve/glibserve/gio/internal/test/faults"
	"github.com/glibserve/glibserve/gio/internal/test/giotest"
)

func init() { giotest.Helpers["fault server"] = faultServer }

// faultServer is plain.c with this library.
func faultServer(args []string) error {
	svc := gio.NewSocketService(&gio.ServiceConfig{Logger: giotest.Quiet})
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
			giotest.Echo(ctx, c)
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

// faultPeer is a running server, the plain one in C or this library's, whose calls
// can be made to fail.
type faultPeer struct {
	t      *testing.T
	f      *faults.Injector
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
	flags := strings.Fields(giotest.PkgConfig(t, "--cflags", "--libs", "gio-2.0", "gio-unix-2.0"))
	cc := append(faults.Compiler(t), "-Wall", "-o", plain, filepath.Join("testdata", "plain.c"))
	cc = append(cc, flags...)
	out, err := exec.Command(cc[0], cc[1:]...).CombinedOutput()
	require.NoError(t, err, string(out))
	return []string{"plain GIO", "this library"}, map[string]func(t *testing.T, args ...string) *faultPeer{
		"plain GIO": func(t *testing.T, args ...string) *faultPeer {
			cmd := exec.CommandContext(t.Context(), plain, args...)
			cmd.Env = os.Environ()
			return startPeer(t, cmd)
		},
		"this library": func(t *testing.T, args ...string) *faultPeer {
			return startPeer(t, giotest.Helper(t, "fault server", args...))
		},
	}
}

func startPeer(t *testing.T, cmd *exec.Cmd) *faultPeer {
	t.Helper()
	env, f := faults.Preload(t)
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
	switch word, rest, _ := strings.Cut(giotest.Receive(t, p.answer), " "); word {
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
	require.Equal(p.t, "done", giotest.Receive(p.t, p.answer))
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
	c := giotest.Dial(p.t, p.addr)
	_, err := c.Write([]byte("x"))
	require.NoError(p.t, err)
	return c
}

func get(c net.Conn) bool {
	defer c.Close()
	_, err := io.ReadFull(c, make([]byte, 1))
	return err == nil
}
