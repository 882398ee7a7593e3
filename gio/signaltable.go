package gio

import "sync"

// SignalHandle names a connected handler, for Disconnect.
type SignalHandle uint64

// handler is a Go function connected to a signal.
type handler struct {
	fn any // nil panics at connecting, so never nil
	at callSite

	// Under the table's lock.
	c      uint64 // GObject's handler id; 0 for what is emitted by Go alone
	blocks int    // Blocks without an Unblock
}

// asked tells whether GObject asks the handler for a client.
func (h *handler) asked() bool { return takesClients(h.fn) && h.c != 0 && h.blocks == 0 }

// signalTable has the Go functions that are connected to a listener's signals.
type signalTable struct {
	mu       sync.Mutex // protects what follows; see listener for the order
	closed   bool
	handlers map[SignalHandle]*handler
	last     SignalHandle
	taking   int    // handlers that GObject asks for a client
	gen      uint64 // grows with each of those that is connected or unblocked
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
	if h.asked() {
		t.taking--
	}
	return h
}

// block counts one Block of a handler more, and unblock one less, with GObject's id
// of it; false when there is no such handler, or none that is blocked. On the loop's
// thread, so that GObject counts the same.
func (t *signalTable) block(id SignalHandle) (c uint64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.handlers[id]
	if h == nil {
		return 0, false
	}
	if h.asked() {
		t.taking--
	}
	h.blocks++
	return h.c, true
}

func (t *signalTable) unblock(id SignalHandle) (c uint64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.handlers[id]
	if h == nil || h.blocks == 0 {
		return 0, false
	}
	h.blocks--
	if h.asked() {
		t.taking++
		t.gen++
	}
	return h.c, true
}

// blocked tells whether a handler that could take clients is blocked.
func (t *signalTable) blocked() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range t.handlers {
		if takesClients(h.fn) && h.blocks > 0 {
			return true
		}
	}
	return false
}

// handler returns the function behind a handle that C calls with, or nil.
func (t *signalTable) handler(id uint64) *handler {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.handlers[SignalHandle(id)]
}

// unblocked is handler for a call that GObject does not make.
func (t *signalTable) unblocked(id SignalHandle) *handler {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h := t.handlers[id]; h != nil && h.blocks == 0 {
		return h
	}
	return nil
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
		if _, ok := h.fn.(runFunc); ok && h.asked() {
			return true
		}
	}
	return false
}

// notifying are the handles of the handlers of "notify::active" that are not
// blocked, in the order of connecting.
func (t *signalTable) notifying() (ids []SignalHandle) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id := SignalHandle(1); id <= t.last; id++ {
		if h := t.handlers[id]; h != nil {
			if _, ok := h.fn.(notifyActiveFunc); ok && h.blocks == 0 {
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
