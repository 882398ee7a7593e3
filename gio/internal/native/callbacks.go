package native

import "unsafe"

// What C calls, on the loop's thread unless it says otherwise. No panic may leave
// these methods: it would unwind through libgio's frames.

// ListenerCallbacks hears of a listener.
type ListenerCallbacks interface {
	// Incoming is one step of an emission of "incoming": the handler with this id,
	// or the class handler (0), which comes last.
	Incoming(handler uint64, in *Incoming) Verdict
	// FinishEmission is told when a handler in Go declined a client, and the emission
	// ended before the class handler: a handler in C has taken it.
	FinishEmission()
	// Run is one step of an emission of "run", on a thread of GIO's pool; RunEnded
	// follows the last, on the same thread.
	Run(handler uint64, conn unsafe.Pointer) Verdict
	RunEnded(conn unsafe.Pointer)
	// Accepted is the end of Listener.Accept: in, whose reference is Go's, or err.
	Accepted(in *Incoming, err error)
	// Event is an emission of "event": a GSocketListenerEvent of the socket fd.
	Event(handler uint64, event, fd int)
	// OthersAdded is told of sockets that other code has added, by their indices, on
	// that one's thread, which should be the loop's.
	OthersAdded(first, count int)
	// Notify is told when the property "listen-backlog" was set.
	Notify(handler uint64)
	// ActiveChanged is told when the property "active" has changed, on the thread of
	// whoever did that, before other handlers of "notify::active".
	ActiveChanged(active bool)
	// DescriptorsShort is told when there is no descriptor for the next client, or
	// accept keeps failing. Until Listener.Pause GIO goes on.
	DescriptorsShort()
	// Paused is told when Listener.Pause, which had answered false, is done.
	Paused()
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
	DialEvent(e *ClientEvent) // of a dial that is traced, before Dialed or DialFailed
}

// StreamCallbacks hears that a stream may be ready.
type StreamCallbacks interface {
	StreamReady()
}
