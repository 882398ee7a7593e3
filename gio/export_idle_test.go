package gio

import "time"

// IdleLimit is the connection's idle timeout, 0 for none.
func (sc *SocketConnection) IdleLimit() time.Duration { return sc.c.fd.IdleTimeout() }

// AgeIdle has the waits of the connection have begun, and its last byte moved,
// earlier by d.
func (sc *SocketConnection) AgeIdle(d time.Duration) { sc.c.fd.Age(d) }
