package peer

// What C calls back, on the loop's thread.

/*
#include "peer.h"
*/
import "C"

import (
	"errors"
	"runtime"
	"runtime/cgo"
	"unsafe"
)

func of(handle C.uintptr_t) *Peer { return cgo.Handle(handle).Value().(*Peer) }

//export dbusPeerReady
func dbusPeerReady(handle C.uintptr_t, failure *C.char) {
	var err error
	if failure != nil {
		err = errors.New(C.GoString(failure))
	}
	of(handle).ready <- err
}

//export dbusPeerLeft
func dbusPeerLeft(handle C.uintptr_t) { close(of(handle).left) }

//export dbusPeerEnded
func dbusPeerEnded(handle C.uintptr_t) { close(of(handle).ended) }

//export dbusPeerCall
func dbusPeerCall(handle C.uintptr_t, method *C.char, parameters *C.GVariant, name, message **C.char) *C.GVariant {
	p := of(handle)
	reply, err := p.object.Call(C.GoString(method), fromNative(parameters))
	if err != nil {
		var named *Error
		if !errors.As(err, &named) {
			named = &Error{Name: "org.freedesktop.DBus.Error.Failed", Message: err.Error()}
		}
		*name, *message = duplicate(named.Name), duplicate(named.Message)
		return nil
	}
	defer runtime.KeepAlive(reply)
	return toNative(reply)
}

//export dbusPeerGet
func dbusPeerGet(handle C.uintptr_t, property *C.char) *C.GVariant {
	value := of(handle).object.Get(C.GoString(property))
	defer runtime.KeepAlive(value)
	return toNative(value)
}

//export dbusPeerSet
func dbusPeerSet(handle C.uintptr_t, property *C.char, value *C.GVariant) *C.char {
	if err := of(handle).object.Set(C.GoString(property), fromNative(value)); err != nil {
		return duplicate(err.Error())
	}
	return nil
}

// duplicate makes a string for g_free.
func duplicate(s string) *C.char {
	text := C.CString(s)
	defer C.free(unsafe.Pointer(text))
	return (*C.char)(C.g_strdup((*C.gchar)(text)))
}
