package gio

import (
	"net"

	"github.com/glibserve/glibserve/gio/internal/sockaddr"
	"github.com/glibserve/glibserve/internal/stall"
)

// SignalHandle names a connected handler, for Disconnect.
type SignalHandle uint64

// ListenerEvent is a GSocketListenerEvent.
type ListenerEvent int

// The events of a listening socket, in the order in which they come.
const (
	ListenerBinding   ListenerEvent = iota // about to bind
	ListenerBound                          // bound
	ListenerListening                      // about to listen
	ListenerListened                       // listens: clients can connect
)

// String returns GIO's name of the event.
func (e ListenerEvent) String() string {
	switch e {
	case ListenerBinding:
		return "binding"
	case ListenerBound:
		return "bound"
	case ListenerListening:
		return "listening"
	case ListenerListened:
		return "listened"
	}
	return "unknown"
}

// handler is a Go function connected to a signal.
type handler struct {
	fn any // nil panics at connecting, so never nil
	at place
	c  uint64 // GObject's handler id; 0 for what is emitted by Go alone
}

type (
	incomingFunc     = func(conn *SocketConnection, source any) bool
	runFunc          func(conn *SocketConnection, source any) bool
	eventFunc        = func(event ListenerEvent, addr net.Addr)
	notifyActiveFunc = func(active bool)
)

// connect adds fn under a new handle. signal is the GObject signal that calls
// it, "" for none.
func (l *listener) connect(signal string, fn any, at place) SignalHandle {
	l.mu.Lock()
	if l.socksClosed {
		l.mu.Unlock()
		return 0
	}
	l.nextHandle++
	id := l.nextHandle
	h := &handler{fn: fn, at: at}
	l.handlers[id] = h
	l.consumers += takes(fn)
	l.mu.Unlock()
	if takes(fn) > 0 {
		l.leaveRush()
	}
	if signal != "" {
		// The native state is alive: it goes on the loop's thread, and only
		// there, after socksClosed.
		err := l.call(func() error {
			if l.nativeClosed {
				return l.closedError()
			}
			c := l.native.Connect(signal, uint64(id))
			l.mu.Lock()
			defer l.mu.Unlock()
			h.c = c
			return nil
		})
		if err != nil {
			l.mu.Lock()
			delete(l.handlers, id)
			l.mu.Unlock()
			return 0
		}
	}
	if takes(fn) > 0 {
		l.sync()
	}
	return id
}

// takes tells whether a handler can take clients, as a number to add.
func takes(fn any) int {
	switch fn.(type) {
	case incomingFunc, runFunc:
		return 1
	}
	return 0
}

// Disconnect removes a handler; one of a signal in progress is not called any
// more (g_signal_handler_disconnect). An unknown handle is ignored.
func (l *SocketListener) Disconnect(h SignalHandle) { l.l.disconnect(h) }

func (l *listener) disconnect(id SignalHandle) {
	l.mu.Lock()
	h := l.handlers[id]
	delete(l.handlers, id)
	if h != nil {
		l.consumers -= takes(h.fn)
	}
	l.mu.Unlock()
	if h == nil || h.c == 0 {
		return
	}
	_ = l.call(func() error {
		if !l.nativeClosed {
			l.native.Disconnect(h.c)
		}
		return nil
	})
	l.sync()
}

// handler returns the function behind a handle that C calls with.
func (l *listener) handler(id uint64) *handler {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.handlers[SignalHandle(id)]
}

// ConnectEvent connects f to the listener's "event" signal: f is called for
// each socket that is added, four times in the order of the ListenerEvents, or
// until one fails. addr is the address asked for in ListenerBinding and the
// effective one from ListenerBound on. f runs on the loop's thread, inside the
// call that adds the address, and must return at once. What AddListener and
// AddFile add emits no events.
func (l *SocketListener) ConnectEvent(f func(event ListenerEvent, addr net.Addr)) SignalHandle {
	if f == nil {
		panic("gio: ConnectEvent with a nil function")
	}
	return l.l.connect("event", eventFunc(f), caller())
}

// Event calls a handler of "event".
func (l *listener) Event(id uint64, number, fd int) {
	event := ListenerEvent(number)
	h := l.handler(id)
	if h == nil {
		return
	}
	l.mu.Lock()
	addr := l.binding
	l.mu.Unlock()
	if event != ListenerBinding || addr == nil {
		addr = sockaddr.Local(fd)
	}
	if stall.Watching() {
		defer watchStall(l.loop, l.log, "ConnectEvent handler", h.at)()
	}
	defer l.recoverIn("ConnectEvent handler", h.at, nil)
	h.fn.(eventFunc)(event, addr)
}

// Notify calls a handler that takes no arguments.
func (l *listener) Notify(id uint64) {
	h := l.handler(id)
	if h == nil {
		return
	}
	if stall.Watching() {
		defer watchStall(l.loop, l.log, "notify handler", h.at)()
	}
	defer l.recoverIn("notify handler", h.at, nil)
	h.fn.(func())()
}

// emitActive tells the ConnectNotifyActive handlers; the loop's thread only.
func (l *listener) emitActive(active bool) {
	l.mu.Lock()
	var ids []SignalHandle
	for id := SignalHandle(1); id <= l.nextHandle; id++ {
		if h := l.handlers[id]; h != nil {
			if _, ok := h.fn.(notifyActiveFunc); ok {
				ids = append(ids, id)
			}
		}
	}
	l.mu.Unlock()
	for _, id := range ids {
		if h := l.handler(uint64(id)); h != nil { // not disconnected meanwhile
			func() {
				if stall.Watching() {
					defer watchStall(l.loop, l.log, "ConnectNotifyActive handler", h.at)()
				}
				defer l.recoverIn("ConnectNotifyActive handler", h.at, nil)
				h.fn.(notifyActiveFunc)(active)
			}()
		}
	}
}

// recoverIn is deferred around user code that C called.
func (l *listener) recoverIn(what string, at place, sc *SocketConnection) {
	if v := recover(); v != nil {
		logPanic(l.log, what, at, v, sc)
		if sc != nil {
			_ = sc.Close()
		}
	}
}
