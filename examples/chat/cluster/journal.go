package cluster

import (
	"slices"
	"sync"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

const (
	// journalLength is how many entries a server keeps for those who missed
	// some. At most so much of what is said while the link is down reaches
	// the other servers later.
	journalLength = 1000

	// maxPrivates is how many private messages may wait to be sent.
	maxPrivates = 1000
)

// journal is what the people of this server did, numbered without a gap. The
// hub writes it, under a lock of its own, and never waits; the node reads it.
type journal struct {
	wake chan struct{} // holds a token when there is something new

	mu       sync.Mutex // a leaf: taken while the hub is locked, never the other way round
	base     *state     // before the first entry
	entries  []entry
	last     uint64 // number of the last entry; 0: there was none
	privates []message
}

func newJournal() *journal {
	return &journal{wake: make(chan struct{}, 1), base: newState()}
}

// add numbers an entry and keeps it.
func (j *journal) add(e entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	e.Seq = j.last
	if len(j.entries) == journalLength {
		j.base.apply(&j.entries[0])
		j.entries = j.entries[1:]
	}
	j.entries = append(j.entries, e)
	j.signal()
}

// addPrivate reports false when too many wait.
func (j *journal) addPrivate(m message) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.privates) >= maxPrivates {
		return false
	}
	j.privates = append(j.privates, m)
	j.signal()
	return true
}

func (j *journal) takePrivates() []message {
	j.mu.Lock()
	defer j.mu.Unlock()
	taken := j.privates
	j.privates = nil
	return taken
}

func (j *journal) signal() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// lastSeq is the number of the last entry.
func (j *journal) lastSeq() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// between returns the entries after one number up to another one, as far as
// they are kept: complete is false when older ones were asked for.
func (j *journal) between(after, upTo uint64) (entries []entry, complete bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	kept := j.last - uint64(len(j.entries)) // the number before the first that is kept
	from, to := max(after, kept), min(upTo, j.last)
	if from < to {
		entries = slices.Clone(j.entries[from-kept : to-kept])
	}
	return entries, after >= kept
}

// oldest is the state before the entries that are kept, and the number that
// it is as of.
func (j *journal) oldest() (*state, uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.base.clone(), j.last - uint64(len(j.entries))
}

// at is the state as of a number, which must not be older than the oldest.
func (j *journal) at(seq uint64) *state {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.base.clone()
	for i := range j.entries {
		if j.entries[i].Seq <= seq {
			s.apply(&j.entries[i])
		}
	}
	return s
}

// fromChange makes an entry, without a number, of what somebody did.
func fromChange(ch hub.Change) entry {
	return entry{
		Kind: ch.Kind, Person: ch.Person, Name: ch.Name, Since: ch.Since, Room: ch.Room, Text: ch.Text, Time: ch.Time.UnixMilli(),
	}
}
