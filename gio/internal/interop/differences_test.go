package interop_test

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A difference is a scene that ends otherwise with this library than with GIO, and
// why it may.
type difference struct {
	scene    string
	title    string
	why      string
	repaired [3]int // the first GLib that does the same; zero: none yet
	at       []differentStep
}

// differentStep is a step, with its number in the scene, and what was printed.
type differentStep struct{ step, gio, ours string }

// differences is the one place where the library may be unlike GIO. DIFFERENCES.md
// is made of it: go test ./gio/internal/interop -run TestDifferencesDocument -update
var differences = []difference{
	{
		scene: "stop-with-a-client-queued",
		title: "stop loses no client",
		why:   "GIO accepts the client whose connection was waiting when it was stopped, and drops it. Here it waits in the queue until the start.",
		at: []differentStep{
			{"8 see c", "c: closed without an answer", "c: waits"},
			{"10 settle", "", "h"},
			{"11 see c", "c: closed without an answer", "c: answered by h"},
		},
		repaired: [3]int{2, 85, 3},
	},
	{
		scene: "stop-and-start-with-a-client-queued",
		title: "stop and start lose no client",
		why:   "The same, when the start comes before the loop has seen the stop.",
		at: []differentStep{
			{"8 settle", "", "h"},
			{"9 see c", "c: closed without an answer", "c: answered by h"},
		},
		repaired: [3]int{2, 85, 3},
	},
	{
		scene: "add-with-a-client-queued",
		title: "adding an address loses no client",
		why:   "GIO begins to accept anew when an address is added, and loses a client who waits at another one as in a stop.",
		at: []differentStep{
			{"7 settle", "", "h"},
			{"8 see c", "c: closed without an answer", "c: answered by h"},
		},
		repaired: [3]int{2, 85, 3},
	},
	{
		scene: "start-before-an-address",
		title: "start before the first address is remembered",
		why:   "GIO's accept without sockets never ends, so that a service that was started before it had an address never accepts.",
		at: []differentStep{
			{"7 settle", "", "h"},
			{"8 see c", "c: waits", "c: answered by h"},
		},
	},
	{
		scene: "stop-and-start-before-an-address",
		title: "stop and start before the first address",
		why:   "The same, for a service that was active.",
		at: []differentStep{
			{"8 settle", "", "h"},
			{"9 see c", "c: waits", "c: answered by h"},
		},
	},
	{
		scene: "close-without-stop",
		title: "close stops first",
		why:   "GIO goes on to accept at no sockets: a warning each time, without an end. Its documentation asks to stop before.",
		at:    []differentStep{{"7 settle", "never idle; warning", ""}},
	},
	{
		scene: "start-after-close",
		title: "start after close does nothing",
		why:   "GIO accepts at no sockets here as well.",
		at: []differentStep{
			{"9 settle", "never idle; warning", ""},
			{"10 active", "true", "false"},
		},
	},
	{
		scene: "stop-then-close",
		title: "what is closed says so as in Go",
		why:   "Calls after Close fail with what errors.Is knows as net.ErrClosed, whichever type they are a method of; GIO's is G_IO_ERROR_CLOSED (18).",
		at: []differentStep{
			{"11 add B abstract", "B: g-io-error-quark 18", "B: net.ErrClosed"},
			{"12 add C tcp", "C: g-io-error-quark 18", "C: net.ErrClosed"},
			{"13 inet-port D 1", "D: g-io-error-quark 18", "D: net.ErrClosed"},
		},
	},
	{
		scene: "nobody-asked-for-clients",
		title: "a service that nobody would take a client from does not accept",
		why:   "GIO accepts and drops who comes before the first handler is connected. Here they wait in the kernel: nobody who connects between Listen and Serve is lost.",
		at: []differentStep{
			{"5 see c", "c: closed without an answer", "c: waits"},
			{"8 settle", "h", "h; h"},
			{"9 see c", "c: closed without an answer", "c: answered by h"},
		},
	},
	{
		scene: "every-handler-blocked",
		title: "a service whose handlers are all blocked does not accept",
		why:   "The same: to GIO a blocked handler is none, and it drops who comes.",
		at: []differentStep{
			{"7 see c", "c: closed without an answer", "c: waits"},
			{"9 settle", "", "h"},
			{"10 see c", "c: closed without an answer", "c: answered by h"},
		},
	},
	{
		scene: "close-with-a-connection",
		title: "close closes connections too",
		why: "GIO closes the listening sockets, and a connection that a handler has kept lives on. Here Close ends what Serve, Conns, Accept and handlers have, " +
			"so that nothing of a service is left; SocketConnection.Detach keeps one, and NetListener().Close closes the listening sockets alone.",
		at: []differentStep{{"11 see c", "c: waits", "c: closed without an answer"}},
	},
	{
		scene: "dropped-by-its-handler",
		title: "a connection that a handler took and dropped is closed at collection",
		why: "In C the last reference closes it, which GIO itself drops after the emission. In Go a handler that returns true owns the connection and has to close it; " +
			"when it forgets that, the garbage collector finds out, some time later, and the logger is told.",
		at: []differentStep{{"6 see c", "c: closed without an answer", "c: waits"}},
	},
	{
		scene: "stop-and-start-on-another-thread",
		title: "start and Stop wait for the loop",
		why: "GIO's return at once, wherever they are called, and what they began goes on on the loop, or on another context. Here no further client is accepted once Stop has returned, " +
			"so it waits for the loop's thread. `go svc.Stop()` is the form that does not.",
		at: []differentStep{
			{"5 on-thread stop", "stop has returned", "stop waits"},
			{"8 on-thread start", "start has returned", "start waits"},
		},
	},
	{
		scene: "path-too-long",
		title: "a Unix path that is too long is an error",
		why:   "GIO cuts it off and listens at another path than it was asked for.",
		at:    []differentStep{{"2 add A long", "A: ok", "A: an error"}},
	},
	{
		scene: "malformed-address",
		title: "a malformed address is an error",
		why:   "GIO's address is NULL then, without a GError. In Go a call that fails returns an error.",
		at:    []differentStep{{"2 add A malformed", "A: refused without an error", "A: an error"}},
	},
	{
		scene: "port-zero",
		title: "port 0 is an error",
		why:   "To GIO it is a mistake of the programmer's: a critical, and a failure without a GError. In Go a call that fails returns an error.",
		at:    []differentStep{{"2 inet-port A 0", "A: refused without an error; critical", "A: an error"}},
	},
	{
		scene: "stale-path",
		title: "a Unix path that a dead server left behind is replaced",
		why:   "GIO says that it is in use (33), and so does this library when a live server answers there, or when it is no socket.",
		at:    []differentStep{{"3 add A stale", "A: g-io-error-quark 33", "A: ok"}},
	},
	{
		scene: "path-after-close",
		title: "a Unix path that was bound goes with the service",
		why:   "GIO leaves it behind, and the next server finds it in use.",
		at:    []differentStep{{"8 exists A", "true", "false"}},
	},
	{
		scene: "backlog-while-listening",
		title: "the backlog can be set while listening",
		why:   "GIO logs a critical for each socket and changes nothing, though listen(2) may be called again.",
		at:    []differentStep{{"4 backlog 6", "critical", ""}},
	},
	{
		scene: "reset-before-accept",
		title: "a peer that was gone before it was accepted has an address",
		why:   "GIO's is NULL then; here RemoteAddr is never nil.",
		at:    []differentStep{{"9 await-incoming 1", "h from nowhere", "h"}},
	},
	{
		scene: "max-threads",
		title: "max-threads leaves the service where it is",
		why: "At its limit GIO stops the service by itself, which shows, and lets a worker start it, on the default main context: " +
			"a service on another one never accepts again unless somebody iterates that. Here a pause of the library's own does not show, and ends on the service's loop.",
		at: []differentStep{
			{"10 active", "false", "true"},
			{"12 await b", "h on the default context; run r; b: answered by r", "h; run r; b: answered by r"},
		},
	},
}

func TestScenes(t *testing.T) {
	version, gios := performGIO(t)
	logged := &glibLog{}
	old := slog.Default()
	slog.SetDefault(slog.New(logged))
	defer slog.SetDefault(old)
	known := map[string]difference{}
	for _, d := range differences {
		known[d.scene] = d
	}
	for _, sc := range readScripts(t) {
		t.Run(sc.name, func(t *testing.T) {
			ours, gio := sc.perform(t, logged), gios[sc.name]
			require.NotEmpty(t, gio, "GIO's scene printed nothing")
			d := known[sc.name]
			if d.repaired != [3]int{} && !before(version, d.repaired) {
				d.at = nil
			}
			var found []differentStep
			for i, step := range sc.steps {
				if a, b := strings.Join(gio[i+1], "; "), strings.Join(ours[i+1], "; "); a != b {
					found = append(found, differentStep{fmt.Sprint(i+1, " ", step), a, b})
				}
			}
			// What is only in one of the two is a new difference, or one that is
			// gone, with which its line in differences has to go.
			require.Equal(t, d.at, found, "the differences from GLib %v", version)
			delete(known, sc.name)
		})
	}
	require.Empty(t, known, "of scenes that are not there")
}

func before(a, b [3]int) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

const document = "DIFFERENCES.md"

var update = flag.Bool("update", false, "write "+document)

func TestDifferencesDocument(t *testing.T) {
	scripts := map[string]script{}
	for _, sc := range readScripts(t) {
		scripts[sc.name] = sc
	}
	var b strings.Builder
	fmt.Fprintf(&b, `# Where this library is not like GIO

Scripts of calls (%[1]stestdata/scenes.txt%[1]s) are run against GIO's own GSocketService, in Python, and against
this library's, and what the two print is compared line by line: active and its notify, handlers and
their order, sources, events, errors with domain and code, stop and start with clients waiting, threads.
Of %[2]d scenes, %[3]d end otherwise in places. Each is here on purpose; any other difference fails the
test, and so does one that is gone. "h" and the like are handlers that were called.

This file is made by the test from its table of differences.
`, "`", len(scripts), len(differences))
	for _, d := range differences {
		sc, ok := scripts[d.scene]
		require.True(t, ok, d.scene)
		fmt.Fprintf(&b, "\n## %s\n\n%s", strings.ToUpper(d.title[:1])+d.title[1:], d.why)
		if d.repaired != [3]int{} {
			fmt.Fprintf(&b, " GIO does the same from %d.%d.%d on.", d.repaired[0], d.repaired[1], d.repaired[2])
		}
		fmt.Fprintf(&b, "\n\nThe scene `%s`: `%s`.\n\n| step | GIO | this library |\n| --- | --- | --- |\n", d.scene, strings.Join(sc.steps, "`, `"))
		for _, at := range d.at {
			_, step, _ := strings.Cut(at.step, " ")
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", step, orNothing(at.gio), orNothing(at.ours))
		}
	}
	if *update {
		require.NoError(t, os.WriteFile(document, []byte(b.String()), 0o600))
	}
	have, err := os.ReadFile(document)
	require.NoError(t, err)
	assert.Equal(t, b.String(), string(have), "go test -run %s -update writes it", t.Name())
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
