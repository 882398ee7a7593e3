package native

/*
#cgo noescape gsv_lane_take
#include "listener.h"
*/
import "C"

// Lane is Go's reference to a lane: a queue by which clients come from the loop's
// thread to Go without a call into it. The zero value is none.
type Lane struct{ lane *C.gsv_lane }

func NewLane(eventFD int) Lane { return Lane{C.gsv_lane_new(C.int(eventFD))} }

// AttachLane has the clients of the class handler go into lane; the loop's thread.
func (n Listener) AttachLane(lane Lane) { C.gsv_lane_attach(n.st, lane.lane) }

// LaneBudget is how many more it may get, -1: any number; the loop's thread.
func (n Listener) LaneBudget(budget int) { C.gsv_lane_budget(n.st, C.int(budget)) }

// LanePushed is how many connections have gone into lanes so far; any thread.
func (n Listener) LanePushed() uint64 { return uint64(C.gsv_lane_pushed(n.st)) }

func (l Lane) Off()   { C.gsv_lane_off(l.lane) }
func (l Lane) Unref() { C.gsv_lane_unref(l.lane) }

// Take fills out and returns how many there were.
func (l Lane) Take(out []Incoming) int {
	return int(C.gsv_lane_take(l.lane, (*C.gsv_incoming)(&out[0]), C.int(len(out))))
}
