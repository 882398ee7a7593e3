package native

/*
#include "listener.h"
*/
import "C"

// Reasons are why the library keeps a service from accepting although it may be
// active. C knows only whether there are any.
type Reasons uint32

const (
	PauseConsumer    Reasons = 1 << iota // nobody would take a client
	PausePending                         // a client is pending and nobody asks
	PauseMaxConns                        // as many are open as may be
	PauseDescriptors                     // the process is out of descriptors
	PauseMaxThreads                      // every worker of a threaded service is busy
)

// Verdict is what a step of an emission of "incoming" is answered with.
type Verdict struct {
	Handled bool    // the emission ends here
	KeepRef bool    // Go keeps the reference that it was offered
	ChainUp bool    // class handler only: GIO's own goes on
	Pause   Reasons // from now on
}

// pack is the form that gsv_deliver in C reads.
func (v Verdict) pack() C.int {
	r := C.int(v.Pause) << C.GSV_PAUSE_SHIFT
	if v.Handled {
		r |= C.GSV_HANDLED
	}
	if v.KeepRef {
		r |= C.GSV_KEPT
	}
	if v.ChainUp {
		r |= C.GSV_CHAIN
	}
	return r
}
