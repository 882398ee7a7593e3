package gio

import "github.com/glibserve/glibserve/gio/internal/sys"

// SetBacklog sets the listen(2) backlog of the sockets that are there and of
// those that will be added (g_socket_listener_set_backlog, which has no effect
// on sockets that listen already). 0 is the most that the system grants, as in
// ServiceConfig.
func (l *SocketListener) SetBacklog(n int) {
	if n <= 0 {
		n = sys.MaxBacklog()
	}
	_ = l.l.call(func() error {
		if !l.l.life.nativeClosed && l.l.native.Backlog() != n {
			l.l.native.SetBacklog(n)
		}
		return nil
	})
}

// Backlog is what SetBacklog or the configuration set, or other code that has
// the GObject (the property "listen-backlog"). It waits for the loop; 0 after
// Close.
func (l *SocketListener) Backlog() (n int) {
	_ = l.l.call(func() error {
		if !l.l.life.nativeClosed {
			n = l.l.native.Backlog()
		}
		return nil
	})
	return n
}

// ConnectNotifyBacklog calls f whenever the backlog has changed, on the loop's
// thread, inside the call that changed it (the signal "notify::listen-backlog",
// which GIO emits for the property alone, not for
// g_socket_listener_set_backlog). f must return at once.
func (l *SocketListener) ConnectNotifyBacklog(f func(backlog int)) SignalHandle {
	if f == nil {
		panic("gio: ConnectNotifyBacklog with a nil function")
	}
	return l.l.connect("notify::listen-backlog", func() { f(l.Backlog()) }, caller())
}
