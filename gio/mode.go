package gio

import (
	"sync/atomic"
	"time"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/glibloop"
)

// mode is who accepts the clients of a service.
type mode int

const (
	// modePaused: nobody. There is no consumer, or no room for a client.
	modePaused mode = iota

	// modeObserved: GIO, on the loop's thread, with an emission of "incoming" for
	// each: handlers, the class handler or other code may see it.
	modeObserved

	// modeDirect: a goroutine for each listening socket, see direct.go. Nobody
	// could see an emission, so there is none.
	modeDirect
)

// acceptMode is who accepts, and why nobody does. It follows from the state of
// the other parts, in wanted; updateNow alone changes it, on the loop's thread.
// Whoever changes what it follows from calls update, or has updateNow run in a call
// on the loop when the former mode must have ended before its own caller goes on.
//
// Of a service GIO is started and stopped by the user alone. What keeps it
// from accepting in the other two modes is native.Listener.Pause.
type acceptMode struct {
	posted atomic.Bool                  // an update is posted and has not begun
	short  atomic.Bool                  // of descriptors, or accept fails
	direct atomic.Pointer[directAccept] // written by the loop's thread, and the end

	// The loop's thread only.
	refused   bool // Go's poller has refused a listening socket
	notified  bool // what the handlers of "notify::active" were told last
	retry     *glibloop.Timer
	looking   bool          // offerLater's timer runs
	offerWait time.Duration // before the next look of that
	wait      time.Duration // before the next look for a descriptor
}

const (
	shortWait   = 10 * time.Millisecond // before the first look for a descriptor
	longestWait = 50 * time.Millisecond
)

// noDirect is GLIBSERVE_DEBUG=nodirect, for those who want GIO to accept all
// clients; norush is its name of old.
var noDirect atomic.Bool

func init() { noDirect.Store(debugFlag("nodirect") || debugFlag("norush")) }

// observed tells whether somebody sees emissions, and may take the clients.
func (l *listener) observed() bool {
	return l.signals.takes() || l.cfg.Incoming != nil || l.exposed.Load() || l.kind == native.KindThreaded && l.cfg.Run != nil
}

// runs tells whether there are handlers of "run".
func (l *listener) runs() bool {
	return l.kind == native.KindThreaded && (l.cfg.Run != nil || l.signals.runs())
}

// wanted is the mode that the state asks for, whether the service is active or
// not.
func (l *listener) wanted() (mode, native.Reasons) {
	consumed, pending := l.queue.state()
	seen := l.observed()
	if consumed && !seen && l.kind == native.KindService && !noDirect.Load() && !l.mode.refused {
		return modeDirect, 0 // the accept loops know when to wait
	}
	var why native.Reasons
	if !consumed && !seen {
		why |= native.PauseConsumer
	}
	if pending && (consumed || !seen) { // or handlers are all there is, and have declined it
		why |= native.PausePending
	}
	if l.conns.full() {
		why |= native.PauseMaxConns
	}
	if l.workers.full() {
		why |= native.PauseMaxThreads
	}
	if l.mode.short.Load() {
		why |= native.PauseDescriptors
	}
	if why != 0 {
		return modePaused, why
	}
	return modeObserved, 0
}

// update brings the mode up to date, now or soon.
func (l *listener) update() {
	if l.kind == native.KindListener {
		return
	}
	if l.mode.posted.CompareAndSwap(false, true) {
		_ = l.loop.Invoke(l.updateNow)
	}
}

// updateNow is for the loop's thread.
func (l *listener) updateNow() {
	m := &l.mode
	m.posted.Store(false)
	if l.life.nativeClosed {
		return
	}
	want, why := l.wanted()
	if why == native.PauseDescriptors {
		l.lookForDescriptors()
		if l.life.nativeClosed { // by a handler of a client that was taken
			return
		}
		want, _ = l.wanted()
	}
	if (want != modeDirect || !l.active.Load()) && l.endDirect() {
		want, _ = l.wanted() // the last of its clients may have been one too many for GIO's
	}
	switch want {
	case modeObserved:
		l.native.Resume()
	case modePaused:
		l.native.Pause()
	case modeDirect:
		// Until GIO accepts no more it does what it did before.
		if l.native.Pause() && l.active.Load() {
			l.beginDirect()
		}
	}
	l.offerPending()
}

// Paused is called on the loop's thread once GIO accepts no more, when Pause of
// the native listener could not have that at once.
func (l *listener) Paused() { l.updateNow() }

// recheck is for what may end a wait: a connection was closed, a worker has ended,
// or somebody asks for a client.
func (l *listener) recheck() {
	if d := l.mode.direct.Load(); d != nil {
		d.wake()
		return
	}
	l.update()
}

// DescriptorsShort is called on the loop's thread when there is none left for the
// next client, or accept keeps failing.
func (l *listener) DescriptorsShort() {
	l.setShort(true)
	l.mode.wait = shortWait
	l.native.Pause()
	l.retryLater()
}

// setShort records the lack of descriptors, or its end, and says so once.
func (l *listener) setShort(short bool) {
	if l.mode.short.Swap(short) == short {
		return
	}
	if short {
		l.log.Warn("gio: out of file descriptors, or accept keeps failing: clients wait until it works again")
	} else {
		l.log.Info("gio: accepting again")
	}
}

// lookForDescriptors ends that pause once there are some, and tries again later
// otherwise. In direct mode the accept loops do so.
func (l *listener) lookForDescriptors() {
	if !l.active.Load() || !l.native.Pause() {
		return
	}
	if !l.native.DescriptorsShort() {
		l.setShort(false)
	} else if !l.life.nativeClosed {
		l.retryLater()
	}
}

// retryLater has the loop look again; on its thread.
func (l *listener) retryLater() {
	m := &l.mode
	if m.retry != nil {
		m.retry.Stop()
	}
	m.wait = min(max(m.wait, shortWait), longestWait)
	m.retry = l.loop.AfterFunc(m.wait, l.updateNow)
	m.wait *= 2
}

// ActiveChanged is called when the property "active" has changed, whoever did it,
// on that one's thread: IsActive agrees with the property from here on.
func (l *listener) ActiveChanged(active bool) {
	l.active.Store(active)
	if active {
		l.started.Store(true)
	}
	_ = l.loop.Invoke(l.activeChanged)
}

func (l *listener) activeChanged() {
	if l.life.nativeClosed {
		return
	}
	active := l.native.IsActive() // others may have changed it since
	l.active.Store(active)
	l.native.Reclaim()
	l.updateNow()
	l.emitActive(active)
}
