package gio

import "sync"

// SignalHandle names a connected handler, for Disconnect.
type SignalHandle uint64

// handler is a Go function connected to a signal.
type handler struct {
	fn any // nil panics at connecting, so never nil
	at callSite
	c  uint64 // GObject's handler id; 0 for what is emitted by Go alone; under the table's lock
}

// signalTable has the Go functions that are connected to a listener's signals.
type signalTable struct {
	mu       sync.Mutex // protects what follows; see listener for the order
	closed   bool
	handlers map[SignalHandle]*handler
	last     SignalHandle
	taking   int    // handlers that may take a client, and GObject asks
	gen      uint64 // grows with each of those that is connected
}

// add enters a function; nil after close.
func (t *signalTable) add(fn any, at callSite) (SignalHandle, *handler) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return 0, nil
	}
	if t.handlers == nil {
		t.handlers = make(map[SignalHandle]*handler)
	}
	t.last++
	h := &handler{fn: fn, at: at}
	t.handlers[t.last] = h
	return t.last, h
}

// remove takes a function out; nil when there is none of that handle.
func (t *signalTable) remove(id SignalHandle) *handler {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.handlers[id]
	if h == nil {
		return nil
	}
	delete(t.handlers, id)
	if takesClients(h.fn) && h.c != 0 {
		t.taking--
	}
	return h
}

// handler returns the function behind a handle that C calls with, or nil.
func (t *signalTable) handler(id uint64) *handler {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.handlers[SignalHandle(id)]
}

// connected notes, and connection tells, GObject's id of a handler. Only from here
// on it may take clients: an emission before this one does not ask it.
func (t *signalTable) connected(id SignalHandle, h *handler, c uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h.c = c
	if takesClients(h.fn) && t.handlers[id] == h { // not removed meanwhile
		t.taking++
		t.gen++
	}
}

func (t *signalTable) connection(h *handler) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return h.c
}

// takes tells whether a handler may take clients.
func (t *signalTable) takes() bool { return t.takers() > 0 }

// takers is the generation of the handlers that may take clients, 0 without any: a
// client that was offered to an older one has not been seen by all.
func (t *signalTable) takers() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.taking == 0 {
		return 0
	}
	return t.gen
}

// runs tells whether "run" has a handler that GObject asks.
func (t *signalTable) runs() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range t.handlers {
		if _, ok := h.fn.(runFunc); ok && h.c != 0 {
			return true
		}
	}
	return false
}

// notifying are the handles of the handlers of "notify::active", in the order of
// connecting.
func (t *signalTable) notifying() (ids []SignalHandle) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id := SignalHandle(1); id <= t.last; id++ {
		if h := t.handlers[id]; h != nil {
			if _, ok := h.fn.(notifyActiveFunc); ok {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// close lets nobody in any more, and returns GObject's ids of who is connected.
func (t *signalTable) close() (connected []uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for _, h := range t.handlers {
		if h.c != 0 {
			connected = append(connected, h.c)
		}
	}
	return connected
}

// clear drops the functions, which may refer to anything.
func (t *signalTable) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.handlers = nil
}
