// Package talk is what a chat window shows, without the window: the
// conversation in a room, either of a server in this process (Host) or of
// another one (Joined). It knows nothing of GTK and can be tested without a
// display.
package talk

import (
	"strings"
	"sync"
)

// Conversation is a room with this program's person in it.
type Conversation interface {
	// Run takes part until it ends. It calls show for everything new, on its
	// own goroutine, and waits for it: a show that takes long delays nothing
	// but this conversation, whose events wait in a bounded queue. It returns
	// nil when the person left, by /quit or by Close, and otherwise what ended
	// the conversation. Call it once.
	Run(show func(Update)) error

	// Say is what the person typed: something to say, a command, or several
	// lines of such. It never blocks. It reports false, and takes none of it,
	// when too much that was typed before is still waiting.
	Say(text string) bool

	// Close leaves, and returns when the others know or were given the time
	// to. Not for the thread that show needs.
	Close()

	// Status is how a server in this process is doing, in a few words, and "" for a
	// guest. It never waits.
	Status() string

	// Offline is a sentence for a person when the network, as it is now, keeps people
	// from one another, else "". It never waits.
	Offline(now Network) string

	// Places is where the conversation is, for a window's title, such as
	// "tcp 127.0.0.1:9003".
	Places() []string
}

// Update is what changed: lines to add, and how the room is now.
type Update struct {
	Lines []Line
	Room  State
}

// maxTyped is how many lines may wait for the conversation to take them. The
// limit on a client's rate is what makes them wait.
const maxTyped = 64

// typed holds what the person typed until the conversation takes it.
type typed struct {
	mu    sync.Mutex  // held while adding, so that there still is the room that was seen
	lines chan string // one goroutine takes
}

func newTyped() *typed { return &typed{lines: make(chan string, maxTyped)} }

// add queues the lines of a text, or none of them. It never blocks.
func (t *typed) add(text string) bool {
	lines := splitLines(text)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(lines) > cap(t.lines)-len(t.lines) {
		return false
	}
	for _, line := range lines {
		t.lines <- line
	}
	return true
}

// splitLines takes a text apart as a terminal would into which it is pasted,
// and drops lines without anything in them.
func splitLines(text string) []string {
	var lines []string
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line = strings.TrimRight(line, " \t"); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
