package glibloop

import (
	"fmt"
	"reflect"
	"sync"

	"github.com/glibserve/glibserve/glibloop/internal/callerpc"
)

// PostLatest is [Loop.Post] for a function that makes older ones pointless: if
// one that was posted under the same key has not been started, fn takes its
// place in the queue, and the older one never runs. Otherwise fn is queued behind
// everything that was posted before. So no more than one function a key is ever
// queued, however fast they come, and the last one always runs.
//
//	loop.PostLatest(label, func() { label.SetText(text) })
//
// A key is a comparable value, as of a map: the widget that fn changes, or a
// value of a type of your own, since everybody who uses the loop has the same
// keys. The queue keeps the key until fn is started. From then on the key is
// free: also fn itself may post under it.
//
// It runs on the loop's thread, as what Post posts, and PostLatest too never runs
// it inline, never blocks, and may be called on any goroutine. On a closed loop
// it returns [ErrStopped], replaces nothing, and fn never runs. It panics if fn is
// nil, or if key is not comparable or, as NaN, not equal to itself.
//
//go:noinline
func (l *Loop) PostLatest(key any, fn func()) error {
	if fn == nil {
		panic("glibloop: PostLatest of a nil function")
	}
	if !isKey(key) {
		panic(fmt.Sprintf("glibloop: PostLatest with a key of type %T that no map can find again", key))
	}
	wake, err := l.postLatest(key, item{fn, callerpc.Get()})
	if wake {
		l.core.wakeup()
	}
	return err
}

// isKey is asked before a lock is taken, since a map panics on what cannot be
// compared. What differs from itself would never leave the map again.
func isKey(key any) bool {
	switch key.(type) {
	case nil, string, int, uintptr, bool:
		return true
	}
	v := reflect.ValueOf(key)
	return v.Kind() == reflect.Pointer || v.Comparable() && v.Equal(v)
}

// latest is a function in the queue that can still be replaced.
type latest struct {
	loop  *Loop
	key   any
	item  item   // guarded by loop.queue.mu
	runFn func() // p.run, bound once for as long as p is reused
}

var latests sync.Pool

func newLatest() *latest {
	if p, ok := latests.Get().(*latest); ok {
		return p
	}
	p := &latest{}
	p.runFn = p.run
	return p
}

func (l *Loop) postLatest(key any, it item) (wake bool, err error) {
	l.queue.mu.Lock()
	defer l.queue.mu.Unlock()
	if l.queue.closed {
		return false, ErrStopped
	}
	if p := l.latest.byKey[key]; p != nil {
		p.item = it
		return false, nil
	}
	p := newLatest()
	p.loop, p.key, p.item = l, key, it
	l.latest.put(p)
	return l.queue.add(item{p.runFn, it.pc}), nil
}

// run is the function in the queue. It has a guard of its own, which knows where
// the function that it runs was posted.
func (p *latest) run() {
	l := p.loop
	l.queue.mu.Lock()
	current := p.item
	l.latest.remove(p.key)
	p.loop, p.key, p.item = nil, nil, item{}
	l.queue.mu.Unlock()
	latests.Put(p)

	defer guard(&current)
	l.run(current)
	current.fn = nil
}

// latestByKey has what PostLatest has in the queue.
type latestByKey struct {
	byKey map[any]*latest
	most  int // keys that byKey has had
}

func (m *latestByKey) put(p *latest) {
	if m.byKey == nil {
		m.byKey = make(map[any]*latest)
	}
	m.byKey[p.key] = p
	m.most = max(m.most, len(m.byKey))
}

// keepKeys bounds the memory that a burst of keys leaves behind.
const keepKeys = 1024

func (m *latestByKey) remove(key any) {
	delete(m.byKey, key)
	// A map never shrinks.
	if len(m.byKey) == 0 && m.most > keepKeys {
		*m = latestByKey{}
	}
}
