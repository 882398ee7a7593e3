package gio

import (
	"sync"
	"unsafe"

	coreglib "github.com/diamondburned/gotk4/pkg/core/glib"

	"github.com/glibserve/glibserve/gio/internal/native"
)

// sources holds the gotk4 objects that were given as source objects, which travel
// through GIO as themselves and are found by pointer. A plain value travels as a
// tiny GObject that carries its id in native.Sources, and removes it there when GIO
// drops the last reference.
var sources struct {
	mu       sync.Mutex // protects byObject
	byObject map[unsafe.Pointer]*sourceObject
}

type sourceObject struct {
	value any
	users int
}

// sourceRef is one use of a source object by one listener.
type sourceRef struct {
	ptr    unsafe.Pointer
	id     uint64 // of a plain value
	object bool
}

// takeSource makes v known and returns what C is given; release undoes it.
func takeSource(v any) sourceRef {
	if v == nil {
		return sourceRef{}
	}
	if address := gobjectOf(v); address != 0 {
		ptr := *(*unsafe.Pointer)(unsafe.Pointer(&address)) // C memory: nothing moves
		native.ObjectRef(ptr)
		sources.mu.Lock()
		defer sources.mu.Unlock()
		if sources.byObject == nil {
			sources.byObject = make(map[unsafe.Pointer]*sourceObject)
		}
		s := sources.byObject[ptr]
		if s == nil {
			s = &sourceObject{value: v}
			sources.byObject[ptr] = s
		}
		s.users++
		return sourceRef{ptr: ptr, object: true}
	}
	id := native.Sources.Add(v)
	return sourceRef{ptr: native.NewSource(id), id: id}
}

// gobjectOf is the GObject of a gotk4 object, 0 for anything else. A nil
// pointer, or a struct around one, has the methods and no object: calling them
// panics, and the value is a plain one.
func gobjectOf(v any) (address uintptr) {
	o, ok := v.(coreglib.Objector)
	if !ok {
		return 0
	}
	defer func() {
		if recover() != nil {
			address = 0
		}
	}()
	return coreglib.BaseObject(o).Native()
}

// release gives up our reference and, for a gotk4 object, its place in the
// registry.
func (s sourceRef) release() {
	if s.ptr == nil {
		return
	}
	if s.object {
		sources.mu.Lock()
		if o := sources.byObject[s.ptr]; o != nil {
			if o.users--; o.users == 0 {
				delete(sources.byObject, s.ptr)
			}
		}
		sources.mu.Unlock()
	} else {
		native.Sources.Remove(s.id)
	}
	native.ObjectUnref(s.ptr)
}

// sourceValue is the Go value behind a source object: the very value that was
// given, or a gotk4 object for a GObject that C code gave.
func sourceValue(in *native.Incoming) any {
	id, ptr := in.SourceID(), in.SourcePointer()
	if ptr == nil {
		return nil
	}
	if id != 0 {
		v, _ := native.Sources.Get(id)
		return v
	}
	sources.mu.Lock()
	defer sources.mu.Unlock()
	if o := sources.byObject[ptr]; o != nil {
		return o.value
	}
	// Made once and kept: a gotk4 wrapper is never finalized anyway.
	o := &sourceObject{value: native.Wrap(ptr), users: 1}
	if sources.byObject == nil {
		sources.byObject = make(map[unsafe.Pointer]*sourceObject)
	}
	sources.byObject[ptr] = o
	return o.value
}
