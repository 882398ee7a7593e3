package gio

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sys"
)

// rush is how a service takes many clients in little time for Serve, Conns,
// Accept or NetListener: goroutines accept, in place of GIO, which the library
// pauses meanwhile. The loop's thread would have to be woken for each client, and
// Go's threads from there a second time: a quarter of what a short connection
// costs.
//
// It is the same to everybody but the processor. There is a rush only while
// nobody could see an emission of "incoming": no handler is connected, the class
// handler is not overridden, and nobody has asked for the GObject. What is
// accepted becomes a GSocketConnection when somebody asks for that, see bare.go.
// Whoever is about to change any of that, to stop, to close or to add an address
// ends the rush first, and it ends by itself when clients become few.
type rush struct {
	l     *listener
	sv    *serving // nil: clients go to who asks
	doors []*door
	once  sync.Once
	ended chan struct{}
	stale bool        // about to be left, for want of who asks; under listener.mu
	timer *time.Timer // protected by mu

	mu   sync.Mutex // held while accepting, until the handlers are started
	over bool       // nobody accepts any more
	n    int        // accepted since the last look
}

const (
	rushBatch = 8 // clients, after which other doors may have a turn

	// rushTime is how often a rush looks whether it still is one: fewer than
	// rushFew clients in that time are GIO's again. C begins one at four times
	// their rate, see gsv_lane_push.
	rushTime = 250 * time.Millisecond
	rushFew  = 64

	// rushDescriptors is how many descriptors it leaves to others, at least.
	rushDescriptors = 32
)

// noRush is GLIBSERVE_DEBUG=norush, for those who want to see GIO do the work.
var noRush = debugFlag("norush")

// rushes is for tests, which have the first client begin a rush, or nobody.
var rushes struct{ always, never atomic.Bool }

// mayRush tells whether there is nothing against one and nobody would notice.
// The caller holds mu.
func (l *listener) mayRush() bool {
	sv := l.pull.serve
	return sys.HasSocketCalls && !noRush && l.kind == native.KindService && l.pull.wants() && (sv == nil || !sv.leaving) && l.consumers == 0 &&
		!l.foreign.Load() && l.wish.Load() && l.paused.Load() == 0 && !l.socksClosed && !rushes.never.Load()
}

// rushNow begins a rush if there is to be one, on the loop's thread, and tells
// whether there is.
func (l *listener) rushNow() bool {
	asked := l.rushAsked.Swap(false)
	l.mu.Lock()
	r, sv := l.rush, l.pull.serve
	may := l.mayRush()
	l.mu.Unlock()
	if r != nil {
		if may && r.sv == sv {
			return true // or it has just ended, and tells soon
		}
		r.leave()
		return false
	}
	if !may || !asked {
		return false
	}
	r = &rush{l: l, sv: sv, ended: make(chan struct{})}
	r.look()
	for i := range l.native.SockCount() {
		d, err := r.open(i)
		if err != nil {
			r.leave()
			return false
		}
		r.doors = append(r.doors, d)
	}
	if len(r.doors) == 0 {
		r.leave()
		return false
	}
	l.mu.Lock()
	if may = l.mayRush() && l.pull.serve == sv; may {
		l.rush = r
	}
	l.mu.Unlock()
	if !may {
		r.leave()
		return false
	}
	for _, d := range r.doors {
		go d.serve()
	}
	return true
}

// ask tells the doors that somebody asks.
func (r *rush) ask() {
	for _, d := range r.doors {
		select {
		case d.asked <- struct{}{}:
		default:
		}
	}
}

// wanted is how many clients somebody would take at once.
func (r *rush) wanted() int {
	if r.sv != nil {
		return rushBatch
	}
	r.l.mu.Lock()
	defer r.l.mu.Unlock()
	return min(len(r.l.pull.waiters), rushBatch)
}

// full ends the rush with a reason why nobody is to accept for a while. The
// caller holds mu.
func (r *rush) full(pause native.Reasons) {
	r.over = true
	l := r.l
	if pause == native.PauseMaxConns {
		l.paused.Or(uint32(native.PauseMaxConns)) // whoever closes a connection looks again
	}
	go func() {
		r.leave()
		_ = l.loop.Invoke(func() {
			if l.nativeClosed {
				return
			}
			if pause == native.PauseDescriptors {
				l.native.Pause(native.PauseDescriptors, 0)
			}
			l.syncNow()
		})
	}()
}

// look is called now and then: it ends a rush that is none any more.
func (r *rush) look() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	few := r.timer != nil && r.n < rushFew && !rushes.always.Load()
	r.n = 0
	for _, d := range r.doors {
		d.lookAtLinger()
	}
	switch {
	case few:
		r.full(0)
	case r.timer == nil:
		r.timer = time.AfterFunc(rushTime, r.look)
	default:
		r.timer.Reset(rushTime)
	}
}

// leave ends the rush: when it returns, nobody accepts, and the duplicates of
// the listening sockets are closed. What was accepted has its handler. It is for
// any goroutine, but not from inside take.
func (r *rush) leave() {
	r.once.Do(func() {
		r.mu.Lock()
		r.over = true
		r.timer.Stop()
		r.mu.Unlock()
		close(r.ended)
		for _, d := range r.doors {
			_ = d.file.Close() // waits until take has returned
			d.batch[0].DropSource()
		}
		r.l.mu.Lock()
		if r.l.rush == r {
			r.l.rush = nil
		}
		r.l.mu.Unlock()
	})
}

// Full is told when Serve has been given as many clients by a lane as MaxConns
// allows, on the loop's thread.
func (l *listener) Full() {
	l.paused.Or(uint32(native.PauseMaxConns))
	l.syncNow()
}

// Rush is told when many clients come by a lane.
func (l *listener) Rush() {
	l.rushAsked.Store(true)
	_ = l.loop.Post(l.syncNow) // not inside the emission
}

// lookForRush counts a client that the loop has given to who asked, and asks for
// a rush when there were many; C does so for Serve's, in lane.c.
func (l *listener) lookForRush() {
	if l.given++; l.given < rushFew && !rushes.always.Load() {
		return
	}
	now := time.Now()
	if now.Sub(l.givenSince) < rushTime/4 || rushes.always.Load() {
		l.rushAsked.Store(true)
		_ = l.loop.Post(l.syncNow) // not inside the emission
	}
	l.given, l.givenSince = 0, now
}

// leaveRush ends the rush if there is one, before something happens that it
// must not be in the way of. The caller has seen to it that no other begins, or
// is on the loop's thread. GIO accepts again after the next sync.
func (l *listener) leaveRush() {
	l.mu.Lock()
	r := l.rush
	l.mu.Unlock()
	if r != nil {
		r.leave()
	}
}
