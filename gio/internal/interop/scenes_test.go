package interop_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/diamondburned/gotk4/pkg/glib/v2"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/testprogram"
	"github.com/glibserve/glibserve/glibloop"
)

// A script is a scene of testdata/scenes.txt.
type script struct {
	name  string
	steps []string
}

const scriptFile = "testdata/scenes.txt"

func readScripts(t *testing.T) (scripts []script) {
	t.Helper()
	f, err := os.Open(scriptFile)
	require.NoError(t, err)
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		line := strings.TrimSpace(s.Text())
		if name, ok := strings.CutPrefix(line, "scene "); ok {
			scripts = append(scripts, script{name: name})
		} else if line != "" && !strings.HasPrefix(line, "#") {
			last := &scripts[len(scripts)-1]
			last.steps = append(last.steps, line)
		}
	}
	return scripts
}

// printed is what a scene printed, by step; the first step is 1.
type printed map[int][]string

// neverIdle is how many iterations without an end are taken for endless ones.
const neverIdle = 1000

// A stage runs one script against our service, as scenes.py does against GIO's.
// It owns the context of the service meanwhile: all but handlers of "run" is on
// one thread.
type stage struct {
	t         *testing.T
	script    script
	folder    string
	context   *glib.MainContext
	loop      *glibloop.Loop
	elsewhere bool // the default context is being iterated
	svc       *gio.SocketService
	threaded  *gio.ThreadedSocketService
	addrs     map[string]net.Addr
	clients   map[string]net.Conn
	handlers  map[string]gio.SignalHandle
	gate      chan struct{}
	runs      atomic.Int64
	incomings int

	mu   sync.Mutex // protects what follows
	step int
	said printed
}

// glibLog counts what GLib logs in this process: gotk4 hands it to slog.
type glibLog struct {
	slog.Handler
	criticals, warnings atomic.Int64
}

func (g *glibLog) Enabled(context.Context, slog.Level) bool { return true }

func (g *glibLog) Handle(_ context.Context, r slog.Record) error {
	switch r.Level {
	case slog.LevelError:
		g.criticals.Add(1)
	case slog.LevelWarn:
		g.warnings.Add(1)
	}
	return nil
}

// perform runs the script; logged is slog's default handler meanwhile.
func (sc script) perform(t *testing.T, logged *glibLog) printed {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s := &stage{
		t: t, script: sc, folder: t.TempDir(), context: glib.NewMainContext(),
		addrs: map[string]net.Addr{}, clients: map[string]net.Conn{}, handlers: map[string]gio.SignalHandle{},
		gate: make(chan struct{}, 8), said: printed{},
	}
	require.True(t, s.context.Acquire())
	defer s.context.Release()
	s.loop = glibloop.Adopt(s.context)
	defer s.loop.Close()
	for i, step := range sc.steps {
		s.mu.Lock()
		s.step = i + 1
		s.mu.Unlock()
		criticals, warnings := logged.criticals.Load(), logged.warnings.Load()
		word, args := strings.Fields(step)[0], strings.Fields(step)[1:]
		does := words[word]
		require.NotNil(t, does, "%s: no word %q", sc.name, word)
		does(s, append(args, "", "")) // what is optional may be left out
		if logged.criticals.Load() > criticals {
			s.say("critical")
		}
		if logged.warnings.Load() > warnings {
			s.say("warning")
		}
	}
	s.mu.Lock()
	s.step = 0
	s.mu.Unlock()
	for _, c := range s.clients {
		require.NoError(t, c.Close())
	}
	require.NoError(t, s.svc.Close())
	s.until(func() bool {
		select {
		case <-s.svc.Done():
			return true
		default:
			return false
		}
	})
	return s.said
}

// say is for any goroutine.
func (s *stage) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.step > 0 { // else the scene is over
		s.said[s.step] = append(s.said[s.step], fmt.Sprintf(format, args...))
	}
}

// words are the commands of a script; scenes.txt says what each does.
var words = map[string]func(s *stage, args []string){
	"service": (*stage).service,
	"notify": func(s *stage, _ []string) {
		s.svc.ConnectNotifyActive(func(active bool) { s.say("notify %v", active) })
	},
	"events": func(s *stage, _ []string) {
		s.svc.ConnectEvent(func(event gio.ListenerEvent, _ net.Addr) { s.say("event %v", event) })
	},
	"handler":    func(s *stage, args []string) { s.handler(args[0], args[1]) },
	"disconnect": func(s *stage, args []string) { s.svc.Disconnect(s.handlers[args[0]]) },
	"run":        func(s *stage, args []string) { s.run(args[0], args[1] == "hold") },
	"release": func(s *stage, args []string) {
		for range s.number(args[0]) {
			s.gate <- struct{}{}
		}
	},
	"add":        func(s *stage, args []string) { s.add(args[0], args[1], args[2]) },
	"inet-port":  func(s *stage, args []string) { s.inetPort(args[0], args[1]) },
	"backlog":    func(s *stage, args []string) { s.svc.SetBacklog(s.number(args[0])) },
	"active":     func(s *stage, _ []string) { s.say("%v", s.svc.IsActive()) },
	"set-active": func(s *stage, args []string) { s.svc.SetActive(args[0] == "true") },
	"start":      func(s *stage, _ []string) { s.svc.Start() },
	"stop":       func(s *stage, _ []string) { s.svc.Stop() },
	"close":      func(s *stage, _ []string) { require.NoError(s.t, s.svc.Close()) },
	"client":     func(s *stage, args []string) { s.clients[args[0]] = s.connect(args[1]) },
	"reset":      func(s *stage, args []string) { s.reset(args[1]) },
	"settle":     func(s *stage, _ []string) { s.settle() },
	"see":        func(s *stage, args []string) { s.see(args[0]) },
	"await":      func(s *stage, args []string) { s.await(args[0]) },
	"await-run": func(s *stage, args []string) {
		s.until(func() bool { return s.runs.Load() >= int64(s.number(args[0])) })
	},
	"await-incoming": func(s *stage, args []string) { s.until(func() bool { return s.incomings >= s.number(args[0]) }) },
	"exists": func(s *stage, args []string) {
		_, err := os.Stat(s.addrs[args[0]].String())
		s.say("%v", err == nil)
	},
}

func (s *stage) number(word string) int {
	n, err := strconv.Atoi(word)
	require.NoError(s.t, err)
	return n
}

func (s *stage) service(options []string) {
	cfg := &gio.ServiceConfig{Loop: s.loop, Logger: slog.New(slog.DiscardHandler)}
	threads := ""
	for _, o := range options {
		if name, value, _ := strings.Cut(o, "="); name == "class" {
			cfg.Incoming = func(c *gio.SocketConnection, source any) bool {
				return s.take("class handler", value == "true", c, source)
			}
		} else if name == "threads" {
			threads = value
		} else if name == "inactive" {
			cfg.Inactive = true
		}
	}
	if threads == "" {
		s.svc = gio.NewSocketService(cfg)
		return
	}
	s.threaded = gio.NewThreadedSocketService(s.number(threads), cfg)
	s.svc = &s.threaded.SocketService
}

// take is a handler of "incoming".
func (s *stage) take(what string, answers bool, c *gio.SocketConnection, source any) bool {
	if source != nil {
		what += fmt.Sprint(" source=", source)
	}
	if c.RemoteAddr() == nil {
		what += " from nowhere"
	}
	if s.elsewhere {
		what += " on the default context"
	}
	s.say("%s", what)
	if answers {
		s.answer(c, strings.Fields(what)[0])
	}
	s.incomings++
	return answers
}

func (s *stage) answer(c *gio.SocketConnection, text string) {
	if _, err := c.Write([]byte(text)); err != nil {
		s.say("%v", err)
	}
	if err := c.Close(); err != nil {
		s.say("%v", err)
	}
}

func (s *stage) handler(name, answer string) {
	s.handlers[name] = s.svc.ConnectIncoming(func(c *gio.SocketConnection, source any) bool {
		if answer == "stop" {
			s.svc.Stop()
		}
		return s.take(name, answer != "false", c, source)
	})
}

func (s *stage) run(name string, hold bool) {
	s.threaded.ConnectRun(func(c *gio.SocketConnection, source any) bool {
		if source != nil {
			s.say("run %s source=%v", name, source)
		} else {
			s.say("run %s", name)
		}
		s.runs.Add(1)
		if hold {
			<-s.gate
		}
		s.answer(c, name)
		return true
	})
}

// where is the address that a word of scenes.txt stands for.
func (s *stage) where(name, word string) net.Addr {
	if other, ok := strings.CutPrefix(word, "="); ok {
		return s.addrs[other]
	}
	path := filepath.Join(s.folder, name)
	switch word {
	case "abstract":
		path = "@glibserve-scene" + path
	case "tcp":
		return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
	case "foreign":
		return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}
	case "malformed":
		return &net.TCPAddr{IP: net.IP{127, 0, 1}}
	case "path":
	case "long":
		path += strings.Repeat("x", 108)
	case "nodir":
		path = filepath.Join(path, "s")
	case "file":
		require.NoError(s.t, os.WriteFile(path, nil, 0o600))
	case "stale":
		left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		require.NoError(s.t, err)
		left.SetUnlinkOnClose(false)
		require.NoError(s.t, left.Close())
	default:
		require.Fail(s.t, "no address "+word)
	}
	return &net.UnixAddr{Name: path, Net: "unix"}
}

func (s *stage) add(name, word, source string) {
	var src any
	if source != "" {
		src = strings.TrimPrefix(source, "source=")
	}
	addr, err := s.svc.AddAddress(s.where(name, word), src)
	s.addrs[name] = addr
	s.added(name, err)
}

func (s *stage) inetPort(name, word string) {
	var port int
	if other, ok := strings.CutPrefix(word, "="); ok {
		port = s.addrs[other].(*net.TCPAddr).Port
	} else {
		port = s.number(word)
	}
	s.added(name, s.svc.AddInetPort(uint16(port), nil))
}

func (s *stage) added(name string, err error) {
	var ge *gio.Error
	switch {
	case err == nil:
		s.say("%s: ok", name)
	case errors.As(err, &ge):
		s.say("%s: %s %d", name, ge.Domain, ge.Code)
	case errors.Is(err, net.ErrClosed):
		s.say("%s: net.ErrClosed", name)
	default:
		s.say("%s: an error", name)
	}
}

func (s *stage) connect(where string) net.Conn {
	addr := s.addrs[where]
	c, err := net.Dial(addr.Network(), addr.String())
	require.NoError(s.t, err)
	return c
}

func (s *stage) reset(where string) {
	c := s.connect(where)
	require.NoError(s.t, c.(*net.TCPConn).SetLinger(0))
	require.NoError(s.t, c.Close())
}

// got is what the client has got, "" for nothing yet.
func (s *stage) got(name string) string {
	raw, err := s.clients[name].(syscall.Conn).SyscallConn()
	require.NoError(s.t, err)
	b := make([]byte, 100)
	var n int
	var rerr error
	require.NoError(s.t, raw.Read(func(fd uintptr) bool {
		n, rerr = syscall.Read(int(fd), b)
		return true
	}))
	switch {
	case rerr == syscall.EAGAIN:
		return ""
	case rerr == syscall.ECONNRESET || n == 0:
		return name + ": closed without an answer"
	}
	require.NoError(s.t, rerr)
	return name + ": answered by " + string(b[:n])
}

func (s *stage) see(name string) {
	if got := s.got(name); got != "" {
		s.say("%s", got)
	} else {
		s.say("%s: waits", name)
	}
}

func (s *stage) await(name string) {
	got := ""
	if s.until(func() bool { got = s.got(name); return got != "" }) {
		s.say("%s", got)
	}
}

func (s *stage) settle() {
	for range neverIdle {
		if !s.context.Iteration(false) {
			return
		}
	}
	s.say("never idle")
}

// until iterates both contexts.
func (s *stage) until(done func() bool) bool {
	for end := time.Now().Add(patience); !done(); {
		if time.Now().After(end) {
			s.say("nothing came")
			return false
		}
		busy := s.context.Iteration(false)
		s.elsewhere = true
		busy = glibloop.Default().MainContext().Iteration(false) || busy
		s.elsewhere = false
		if !busy {
			time.Sleep(time.Millisecond)
		}
	}
	return true
}

// performGIO runs all scenes against GIO's own service, in Python. The result is
// by scene.
func performGIO(t *testing.T) (version [3]int, all map[string]printed) {
	p := start(t, testprogram.PyGObject(t), "testdata/scenes.py", scriptFile)
	_, err := fmt.Sscanf(p.line(), "%d %d %d", &version[0], &version[1], &version[2])
	require.NoError(t, err)
	all = map[string]printed{}
	for _, line := range p.end() {
		fields := strings.SplitN(line, "\t", 3)
		require.Len(t, fields, 3, line)
		step, err := strconv.Atoi(fields[1])
		require.NoError(t, err)
		if all[fields[0]] == nil {
			all[fields[0]] = printed{}
		}
		all[fields[0]][step] = append(all[fields[0]][step], fields[2])
	}
	return version, all
}
