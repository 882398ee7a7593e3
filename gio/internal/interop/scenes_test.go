package interop_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

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
	kept      []*gio.SocketConnection
	thread    chan struct{} // closed when the call on it has returned
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
