package native

import "unsafe"

// What C calls, on the loop's thread unless it says otherwise. No panic may leave
// these methods: it would unwind through libgio's frames.

// ListenerCallbacks hears of a listener.
type ListenerCallbacks interface {
	// Incoming is one step of an emission of "incoming": the handler with this id,
	// or the class handler (0), which comes last.
	Incoming(handler uint64, in *Incoming) Verdict
	// Settle is told when a handler in Go declined a client, and the emission ended
	// before the class handler: a handler in C has taken it.
	Settle()
	// Run is one step of an emission of "run", on a thread of GIO's pool; RunEnded
	// follows the last, on the same thread. full: no thread was free until now.
	Run(handler uint64, conn unsafe.Pointer) (handled bool)
	RunEnded(conn unsafe.Pointer, full bool)
	// Accepted is the end of Listener.Accept: in, whose reference is Go's, or err.
	Accepted(in *Incoming, err error)
	// Event is an emission of "event": a GSocketListenerEvent of the socket fd.
	Event(handler uint64, event, fd int)
	// Notify is told when the property "listen-backlog" was set.
	Notify(handler uint64)
	// ForeignActive is told, on any thread, when somebody called start or stop on
	// the GObject itself.
	ForeignActive()
	// Descriptors is told when the process runs out of descriptors, and when it has
	// some again.
	Descriptors(out bool)
	// Full is told when the budget of a lane is used up.
	Full()
	// Rush is told when many clients come by a lane.
	Rush()
	// Finished is told when GIO has let go of a listener that was closed.
	Finished()
}

// ClientCallbacks hears of a SocketClient.
type ClientCallbacks interface {
	ClientEvent(handler uint64, e *ClientEvent)
}

// DialCallbacks hears of one dial: Dialed or DialFailed, and then DialEnded.
type DialCallbacks interface {
	Dialed(n *Dialed) // brings a reference
	DialFailed(err error)
	DialEnded()
}

// StreamCallbacks hears that a stream may be ready.
type StreamCallbacks interface {
	StreamReady()
}
