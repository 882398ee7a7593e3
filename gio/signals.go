package gio

import (
	"net"

	"github.com/glibserve/glibserve/gio/internal/sockaddr"
)

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

type (
	incomingFunc     = func(conn *SocketConnection, source any) bool
	runFunc          func(conn *SocketConnection, source any) bool
	eventFunc        = func(event ListenerEvent, addr net.Addr)
	notifyActiveFunc = func(active bool)
)

// takesClients tells whether a handler may take clients.
func takesClients(fn any) bool {
	switch fn.(type) {
	case incomingFunc, runFunc:
		return true
	}
	return false
}

// connect adds fn under a new handle. signal is the GObject signal that calls it,
// "" for none. Of one that takes clients, it has its turn for whoever comes after
// connect returned.
func (l *listener) connect(signal string, fn any, at callSite) SignalHandle {
	id, h := l.signals.add(fn, at)
	if h == nil {
		return 0
	}
	if signal == "" {
		return id
	}
	// The native state is alive: it goes on the loop's thread, and only there.
	err := l.call(func() error {
		if l.life.nativeClosed {
			return l.closedError()
		}
		l.signals.connected(id, h, l.native.Connect(signal, uint64(id)))
		if takesClients(fn) {
			l.updateNow()
		}
		return nil
	})
	if err != nil {
		l.signals.remove(id)
		return 0
	}
	return id
}

// Disconnect removes a handler; one of a signal in progress is not called any
// more (g_signal_handler_disconnect). An unknown handle is ignored.
func (l *SocketListener) Disconnect(h SignalHandle) { l.l.disconnect(h) }

func (l *listener) disconnect(id SignalHandle) {
	h := l.signals.remove(id)
	if h == nil || l.signals.connection(h) == 0 {
		return
	}
	_ = l.call(func() error {
		if !l.life.nativeClosed {
			l.native.Disconnect(l.signals.connection(h))
			l.updateNow()
		}
		return nil
	})
}

// Block keeps a handler from being called until Unblock, without giving up its place
// among the others (g_signal_handler_block): n Blocks need n Unblocks. One of a signal
// in progress whose turn has not come is not called either; a handler may block
// itself. An unknown handle, or one that was disconnected, is ignored.
//
// A handler of ConnectIncoming or ConnectRun that is blocked takes no clients, so a
// service that has no other, and no Serve, Accept or Conns, accepts nobody: clients
// wait, and none is lost. GIO would close who comes. What a signal would have told
// meanwhile, such as "notify::active", is not told later.
//
// Block and Unblock wait for the loop: don't call them while the loop waits for you.
func (l *SocketListener) Block(h SignalHandle) {
	l.l.setBlocked(h, l.l.signals.block, l.l.native.Block)
}

// Unblock undoes one Block (g_signal_handler_unblock); clients that wait are offered
// to the handler. On a handler that is not blocked, which is a critical in C, on an
// unknown one or one that was disconnected it does nothing.
func (l *SocketListener) Unblock(h SignalHandle) {
	l.l.setBlocked(h, l.l.signals.unblock, l.l.native.Unblock)
}

// setBlocked has the table and GObject count the same.
func (l *listener) setBlocked(id SignalHandle, count func(SignalHandle) (c uint64, ok bool), native func(c uint64)) {
	_ = l.call(func() error {
		if l.life.nativeClosed {
			return l.closedError()
		}
		if c, ok := count(id); ok {
			native(c)
			l.updateNow()
		}
		return nil
	})
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

// Event is an emission of "event", on the loop's thread.
func (l *listener) Event(handler uint64, event, fd int) {
	h := l.signals.handler(handler)
	if h == nil {
		return
	}
	addr := l.addrs.beingAdded()
	if ListenerEvent(event) != ListenerBinding || addr == nil {
		addr = sockaddr.Local(fd)
	}
	l.callback("ConnectEvent handler", h.at, func() { h.fn.(eventFunc)(ListenerEvent(event), addr) })
}

// Notify is an emission of "notify" for a handler that takes no arguments, on the
// loop's thread.
func (l *listener) Notify(handler uint64) {
	if h := l.signals.handler(handler); h != nil {
		l.callback("notify handler", h.at, h.fn.(func()))
	}
}

// emitActive tells the ConnectNotifyActive handlers if they were told something
// else last; the loop's thread only.
func (l *listener) emitActive(active bool) {
	if l.mode.notified == active {
		return
	}
	l.mode.notified = active
	for _, id := range l.signals.notifying() {
		if h := l.signals.unblocked(id); h != nil { // not disconnected or blocked meanwhile
			l.callback("ConnectNotifyActive handler", h.at, func() { h.fn.(notifyActiveFunc)(active) })
		}
	}
}

// callback calls a user's function that C asked for, on the loop's thread. No
// panic leaves it.
func (l *listener) callback(what string, at callSite, f func()) {
	defer l.loop.WatchAt(what, uintptr(at), l.log)()
	callUser(l.log, what, at, nil, f)
}
