//go:build linux

// Package load is the load of scripts/soak: clients of every kind, on package
// net. It is commanded over its standard input; see package control.
package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/glibserve/glibserve/ci/soak/control"
	"github.com/glibserve/glibserve/ci/soak/server"
	"github.com/glibserve/glibserve/ci/soak/wire"
)

// load is the process.
type load struct {
	begun, here, failed atomic.Int64  // connections so far; of these, open ones; lost or corrupt ones
	moved               atomic.Uint64 // bytes, in both directions

	places  []server.Place
	gates   []*gate
	workers []*worker

	running sync.RWMutex // held for reading by each client, for writing while the load is paused

	mu     sync.Mutex // protects what follows
	hurry  chan struct{}
	counts wire.Counts
	wrong  []string
}

// Setup is the argument of "open".
type Setup struct {
	Places  []server.Place
	Workers int
	Seed    uint64
}

// Turn is the argument of "turn": a service is about to be closed, or is open again.
type Turn struct {
	Service  int
	Graceful bool
}

// Rounds is the argument of "rounds": so many short connections, by so many at a time.
type Rounds struct{ N, Workers int }

// Report is the result of "pause" and "rounds".
type Report struct {
	Counts wire.Counts
	Wrong  []string
	Took   time.Duration
}

// Progress is the result of "progress", which can be asked for at any time.
type Progress struct {
	Begun, Open, Failed int64
	Bytes               uint64
}

// Run serves commands until in ends.
func Run(in io.Reader, out io.Writer) error {
	l := &load{hurry: make(chan struct{})}
	l.running.Lock() // until the first "resume"
	return control.Serve(in, out, l.command)
}

func (l *load) command(name string, raw json.RawMessage) (any, error) {
	switch name {
	case "open":
		var s Setup
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, err
		}
		return nil, l.open(s)
	case "resume":
		l.mu.Lock()
		l.hurry = make(chan struct{})
		l.mu.Unlock()
		l.running.Unlock()
		return nil, nil
	case "progress":
		return Progress{l.begun.Load(), l.here.Load(), l.failed.Load(), l.moved.Load()}, nil
	case "pause":
		close(l.hurried())
		l.running.Lock()
		return l.report(), nil
	case "turn":
		var t Turn
		if err := json.Unmarshal(raw, &t); err != nil {
			return nil, err
		}
		l.gates[t.Service].turn(t.Graceful)
		return nil, nil
	case "rounds":
		var r Rounds
		if err := json.Unmarshal(raw, &r); err != nil {
			return nil, err
		}
		return l.rounds(r), nil
	}
	return nil, fmt.Errorf("no command %q", name)
}

func (l *load) open(s Setup) error {
	if len(s.Places) == 0 {
		return errors.New("no places")
	}
	l.places = s.Places
	for _, p := range s.Places {
		for len(l.gates) <= p.Service {
			l.gates = append(l.gates, newGate())
		}
	}
	for i := range s.Workers {
		w := newWorker(l, s.Seed+uint64(i))
		if w.next = wire.Kind(i) % wire.Kinds; !l.has(w.next) { // so that a short soak has all of them
			w.next = wire.Kinds
		}
		l.workers = append(l.workers, w)
		go w.work()
	}
	return nil
}

// hurried is closed when the load is asked to pause.
func (l *load) hurried() chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hurry
}

// report adds up. The load is paused.
func (l *load) report() *Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.workers {
		for k := range w.counts {
			l.counts[k].Add(w.counts[k])
		}
		w.counts = wire.Counts{}
	}
	return &Report{Counts: l.counts, Wrong: append([]string(nil), l.wrong...)}
}

const bufferSize = 32 << 10

// worker is one client after the other.
type worker struct {
	load   *load
	random *rand.Rand
	buffer []byte
	counts wire.Counts
	kind   wire.Kind // of the client under way
	next   wire.Kind // Kinds: by chance
}

func newWorker(l *load, seed uint64) *worker {
	return &worker{load: l, random: rand.New(rand.NewPCG(seed, 2)), buffer: make([]byte, bufferSize+wire.HeaderSize), next: wire.Kinds}
}

func (w *worker) work() {
	for {
		w.load.running.RLock()
		kind := w.next
		w.next = wire.Kinds
		if kind == wire.Kinds {
			kind = w.choose()
		}
		w.one(kind, w.place(kind))
		w.load.running.RUnlock()
	}
}

// choose chooses a kind by its weight.
func (w *worker) choose() wire.Kind {
	sum := 0
	for _, n := range weights {
		sum += n
	}
	at := w.random.IntN(sum)
	for k, n := range weights {
		if at -= n; at < 0 && w.load.has(wire.Kind(k)) {
			return wire.Kind(k)
		}
	}
	return wire.Short
}

// takes tells whether such clients are for that place.
func takes(p server.Place, kind wire.Kind) bool {
	switch kind {
	case wire.Doomed:
		return p.Panics
	case wire.Stalled:
		return p.Authority != nil
	case wire.Underneath:
		return p.Authority == nil
	}
	return true
}

// has tells whether there is a place for such clients.
func (l *load) has(kind wire.Kind) bool {
	return slices.ContainsFunc(l.places, func(p server.Place) bool { return takes(p, kind) })
}

func (w *worker) place(kind wire.Kind) server.Place {
	for {
		if p := w.load.places[w.random.IntN(len(w.load.places))]; takes(p, kind) {
			return p
		}
	}
}

// rounds has short connections made at the first place: connect, 64 bytes and
// back, close.
func (l *load) rounds(r Rounds) *Report {
	began := time.Now()
	var all sync.WaitGroup
	for i := range r.Workers {
		w := newWorker(l, uint64(i))
		l.workers = append(l.workers, w)
		n := r.N / r.Workers
		if i < r.N%r.Workers {
			n++
		}
		all.Add(1)
		go func() {
			defer all.Done()
			for range n {
				w.visit(wire.Short, l.places[0], 0, (*visit).once)
			}
		}()
	}
	all.Wait()
	report := l.report()
	l.workers = nil
	report.Took = time.Since(began)
	return report
}

func (v *visit) once() error {
	h := v.header(wire.Echo, 64, 0)
	up, down := h.UpStream(), h.UpStream()
	if err := v.say(h, up, 64); err != nil {
		return err
	}
	if err := v.greeting(); err != nil {
		return err
	}
	if err := v.drink(down, 64, 64, atOnce); err != nil {
		return err
	}
	if err := v.reply(up); err != nil {
		return err
	}
	return v.end()
}
