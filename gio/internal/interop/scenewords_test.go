package interop_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/glibloop"
)

// words are the commands of a script; scenes.txt says what each does.
var words = map[string]func(s *stage, args []string){
	"service": (*stage).service,
	"notify": func(s *stage, _ []string) {
		s.svc.ConnectNotifyActive(func(active bool) { s.say("notify %v", active) })
	},
	"events": func(s *stage, _ []string) {
		s.svc.ConnectEvent(func(event gio.ListenerEvent, _ net.Addr) { s.say("event %v", event) })
	},
	"handler":   func(s *stage, args []string) { s.handler(args[0], args[1]) },
	"block":     func(s *stage, args []string) { s.svc.Block(s.handlers[args[0]]) },
	"unblock":   func(s *stage, args []string) { s.svc.Unblock(s.handlers[args[0]]) },
	"collect":   func(*stage, []string) { runtime.GC() },
	"on-thread": func(s *stage, args []string) { s.onThread(args[0]) },
	"await-thread": func(s *stage, _ []string) {
		s.until(func() bool {
			select {
			case <-s.thread:
				return true
			default:
				return false
			}
		})
	},
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
		if answer != "keep" && answer != "drop" {
			return s.take(name, answer != "false", c, source)
		}
		s.say("%s", name)
		s.incomings++
		if answer == "keep" {
			s.kept = append(s.kept, c)
		}
		return true
	})
	if answer == "drop" { // the scene says when
		percent := debug.SetGCPercent(-1)
		s.t.Cleanup(func() { debug.SetGCPercent(percent) })
	}
}

// waits is how long a call that waits for the loop is looked at.
const waits = 200 * time.Millisecond

func (s *stage) onThread(word string) {
	call := s.svc.Start
	if word == "stop" {
		call = s.svc.Stop
	}
	s.thread = make(chan struct{})
	go func() { call(); close(s.thread) }()
	select {
	case <-s.thread:
		s.say("%s has returned", word)
	case <-time.After(waits):
		s.say("%s waits", word)
	}
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
