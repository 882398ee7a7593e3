package giostream

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeHolder is a handshake that a test plays.
type fakeHolder struct {
	name string
	log  *[]string

	mu      sync.Mutex // protects what follows
	silent  time.Duration
	patient time.Duration
	lost    bool
}

func (f *fakeHolder) comeIn() { *f.log = append(*f.log, f.name) }

func (f *fakeHolder) silence() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.silent
}

func (f *fakeHolder) grace() time.Duration { return f.patient }

func (f *fakeHolder) giveUp(time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lost = true
}

// scene is a gate whose clock a test moves.
type scene struct {
	t    *testing.T
	gate *gate
	in   []string // who was let in after a wait
	now  time.Time

	began, last time.Time // of the looks, see ticks
}

func newScene(t *testing.T, places int) *scene {
	g := newGate(places)
	g.ticking = true // by nobody but the test
	now := time.Now()
	return &scene{t: t, gate: g, now: now, began: now, last: now}
}

// newFull is a gate with one server's handshakes in all its places, and others waiting.
func newFull(t *testing.T, places int, waiting ...string) (s *scene, turns []*turn, holders []*fakeHolder) {
	s = newScene(t, places)
	h := s.gate.share(0)
	turns, holders = s.fill(h, places)
	s.queue(h, waiting...)
	return s, turns, holders
}

func (s *scene) turn(of *Handshakes, name string) (*turn, *fakeHolder) {
	f := &fakeHolder{name: name, log: &s.in, patient: minGrace}
	return &turn{of: of, holder: f, number: arrivals.Add(1)}, f
}

// fill takes all places.
func (s *scene) fill(of *Handshakes, n int) (turns []*turn, holders []*fakeHolder) {
	for range n {
		t, f := s.turn(of, "first")
		require.True(s.t, t.enter())
		turns, holders = append(turns, t), append(holders, f)
	}
	return turns, holders
}

func (s *scene) queue(of *Handshakes, names ...string) (turns []*turn) {
	for _, name := range names {
		t, _ := s.turn(of, name)
		require.False(s.t, t.enter())
		turns = append(turns, t)
	}
	return turns
}

func TestGateLetsTheLatestInFirstAndTheOldestNowAndThen(t *testing.T) {
	s := newScene(t, 1)
	h := s.gate.share(0)
	held, _ := s.fill(h, 1)
	turns := s.queue(h, "a", "b", "c", "d", "e", "f")
	held[0].leave()
	for _, i := range []int{5, 4, 3, 0, 2} {
		require.True(t, turns[i].has())
		turns[i].leave()
	}
	require.Equal(t, []string{"f", "e", "d", "a", "c", "b"}, s.in, "every fourth was the one who had waited longest")
	turns[1].leave()
	require.Zero(t, s.gate.shared)
	require.Empty(t, s.gate.holders)
	require.Empty(t, s.gate.queues)
}

// Who connected last may be the first to be heard.
func TestGateGoesByTheOrderOfConnections(t *testing.T) {
	s := newScene(t, 1)
	h := s.gate.share(0)
	held, _ := s.fill(h, 1)
	a, _ := s.turn(h, "a")
	b, _ := s.turn(h, "b")
	c, _ := s.turn(h, "c")
	for _, turn := range []*turn{c, a, b} {
		require.False(t, turn.enter())
	}
	held[0].leave()
	c.leave()
	b.leave()
	require.Equal(t, []string{"c", "b", "a"}, s.in)
}

func TestGateForgetsWhoLeavesTheQueue(t *testing.T) {
	s := newScene(t, 1)
	h := s.gate.share(0)
	held, _ := s.fill(h, 1)
	turns := s.queue(h, "a", "b", "c")
	turns[2].leave()
	turns[1].leave()
	held[0].leave()
	require.Equal(t, []string{"a"}, s.in)
	turns[0].leave()
	turns[0].leave() // twice does nothing
	require.Zero(t, s.gate.shared)
	_, _ = s.fill(h, 1)
}

func TestPlaceThatIsGivenWhileItsOwnerLeavesIsNotLost(t *testing.T) {
	for range 200 {
		g := newGate(1)
		h := g.share(0)
		first := &turn{of: h, holder: &fakeHolder{log: new([]string)}, number: arrivals.Add(1)}
		require.True(t, first.enter())
		g.ticking = true
		second := &turn{of: h, holder: &fakeHolder{log: new([]string)}, number: arrivals.Add(1)}
		require.False(t, second.enter())
		var both sync.WaitGroup
		both.Add(2)
		go func() { defer both.Done(); first.leave() }()
		go func() { defer both.Done(); second.leave() }()
		both.Wait()
		third := &turn{of: h, holder: &fakeHolder{log: new([]string)}, number: arrivals.Add(1)}
		require.True(t, third.enter())
	}
}

func TestLimitOfAServiceIsItsOwn(t *testing.T) {
	s := newScene(t, 3)
	one, wide, other := s.gate.share(1), s.gate.share(5), s.gate.share(0)
	held, _ := s.fill(one, 1)
	s.queue(one, "one")
	wides, _ := s.fill(wide, 4) // two of its own, two of all
	s.queue(other, "other")
	s.queue(wide, "wide")
	for _, w := range wides {
		require.Empty(t, s.in)
		if w.owned {
			w.leave() // of no use to the others
			break
		}
	}
	require.Equal(t, []string{"wide"}, s.in)
	held[0].leave() // one place of all, and of its own limit
	require.Equal(t, []string{"wide", "other"}, s.in, "who came last of those who may")
	for _, w := range wides {
		if w.held && !w.owned {
			w.leave()
			break
		}
	}
	require.Equal(t, []string{"wide", "other", "one"}, s.in)
}

// ticks moves the clock and says who has lost the place.
func (s *scene) ticks(n int, every time.Duration, each func()) (lost int) {
	for range n {
		s.now = s.now.Add(every)
		if each != nil {
			each()
		}
		for _, t := range s.gate.look(s.now, s.began, s.last) {
			t.holder.giveUp(t.still)
			lost++
		}
		s.last = s.now
	}
	return lost
}

func TestStalledLosesItsPlaceAfterItsGrace(t *testing.T) {
	s, turns, holders := newFull(t, 2, "a")
	age := func() { holders[0].silent += gateTick } // the other one computes
	holders[0].silent = time.Millisecond
	require.Zero(t, s.ticks(9, gateTick, age))
	require.Equal(t, 1, s.ticks(2, gateTick, age))
	require.True(t, holders[0].lost)
	require.False(t, holders[1].lost)
	require.Zero(t, s.ticks(20, gateTick, age), "nobody is told twice")
	turns[0].leave()
	require.Equal(t, []string{"a"}, s.in)
}

func TestStalledForLongLosesItsPlaceAtOnceWhenItIsWanted(t *testing.T) {
	s, _, holders := newFull(t, 3, "a", "b")
	for i, f := range holders {
		f.silent = time.Duration(i+1) * 10 * time.Second
	}
	age := func() {
		for _, f := range holders {
			f.silent += gateTick
		}
	}
	require.Equal(t, 2, s.ticks(1, gateTick, age), "as many as wait")
	require.Equal(t, []bool{false, true, true}, []bool{holders[0].lost, holders[1].lost, holders[2].lost}, "the most stalled first")
}

func TestTrickleIsNoProgressForEver(t *testing.T) {
	s, _, holders := newFull(t, 1, "a")
	holders[0].silent = time.Millisecond // at each look
	n := int(trickle * minGrace / gateTick)
	require.Zero(t, s.ticks(n-1, gateTick, nil))
	require.Equal(t, 1, s.ticks(1, gateTick, nil))
}

// Where this process gets no processor, a peer on the same machine gets none either.
func TestTicksThatComeLateCountOnce(t *testing.T) {
	s, _, holders := newFull(t, 1, "a")
	age := func() { holders[0].silent += time.Second }
	require.Zero(t, s.ticks(9, time.Second, age))
	require.Equal(t, 1, s.ticks(2, time.Second, age))
}

func TestNobodyLosesAPlaceThatIsOfNoUseToOthers(t *testing.T) {
	s := newScene(t, 2)
	one, wide := s.gate.share(1), s.gate.share(3)
	_, holders := s.fill(wide, 1) // in a place of its own
	_, own := s.fill(one, 1)
	s.queue(one, "a")
	for _, f := range append(holders, own...) {
		f.silent = time.Minute
	}
	age := func() {
		for _, f := range append(holders, own...) {
			f.silent += gateTick
		}
	}
	require.Equal(t, 1, s.ticks(3, gateTick, age))
	require.True(t, own[0].lost)
}

// The gate itself looks only while somebody waits.
func TestGateTicksWhileSomebodyWaits(t *testing.T) {
	g := newGate(1)
	h := g.share(0)
	stalled := &fakeHolder{log: new([]string), silent: time.Minute, patient: minGrace}
	first := &turn{of: h, holder: stalled}
	require.True(t, first.enter())
	require.False(t, g.ticking)
	second := &turn{of: h, holder: &fakeHolder{log: new([]string)}, number: arrivals.Add(1)}
	require.False(t, second.enter())
	require.Eventually(t, func() bool {
		stalled.mu.Lock()
		defer stalled.mu.Unlock()
		return stalled.lost
	}, 20*time.Second, time.Millisecond)
	first.leave()
	require.True(t, second.has())
	require.Eventually(t, func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return !g.ticking
	}, 20*time.Second, time.Millisecond)
	second.leave()
}
