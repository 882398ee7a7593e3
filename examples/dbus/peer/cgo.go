package peer

// All calls into C. Everything else in the package is Go over these, but for
// export.go.

/*
#cgo pkg-config: gio-2.0
#cgo CFLAGS: -Wall
#include <stdlib.h>
#include "peer.h"
*/
import "C"

import (
	"errors"
	"runtime"
	"runtime/cgo"
	"unsafe"

	"github.com/diamondburned/gotk4/pkg/core/gextras"
	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"
	gotkglib "github.com/diamondburned/gotk4/pkg/glib/v2"
)

// native is a peer of peer.h; methods on the loop's thread only.
type native struct{ p *C.peer }

func newNative(stream *gotkgio.SocketConnection, guid string, anonymous bool, handle cgo.Handle) native {
	cguid := C.CString(guid)
	defer C.free(unsafe.Pointer(cguid))
	return native{C.peer_new(C.uintptr_t(stream.Native()), cguid, gboolean(anonymous), C.uintptr_t(handle))}
}

func gboolean(b bool) C.gboolean {
	if b {
		return 1
	}
	return 0
}

func (n native) cancel() { C.peer_cancel(n.p) }
func (n native) close()  { C.peer_close(n.p) }
func (n native) hurry()  { C.peer_hurry(n.p) }
func (n native) free()   { C.peer_free(n.p) }

func (n native) export(path string, i *Interface) error {
	cpath := C.CString(path)
	defer C.free(unsafe.Pointer(cpath))
	message := C.peer_export(n.p, cpath, i.info)
	if message == nil {
		return nil
	}
	defer C.g_free(C.gpointer(message))
	return errors.New(C.GoString(message))
}

func (n native) emit(path, iface, signal string, parameters *gotkglib.Variant) {
	c := cstrings(path, iface, signal)
	defer c.free()
	C.peer_emit(n.p, c[0], c[1], c[2], toNative(parameters))
	runtime.KeepAlive(parameters)
}

func (n native) changed(path, iface, property string, value *gotkglib.Variant) {
	c := cstrings(path, iface, property)
	defer c.free()
	C.peer_changed(n.p, c[0], c[1], c[2], toNative(value))
	runtime.KeepAlive(value)
}

type texts [3]*C.char

func cstrings(a, b, c string) texts { return texts{C.CString(a), C.CString(b), C.CString(c)} }

func (t texts) free() {
	for _, text := range t {
		C.free(unsafe.Pointer(text))
	}
}

// Interface is what introspection XML says of one D-Bus interface. It lives
// until the process ends.
type Interface struct {
	name string
	info *C.GDBusInterfaceInfo
}

// ParseInterface reads the first interface of a node in introspection XML
// (g_dbus_node_info_new_for_xml).
func ParseInterface(xml string) (*Interface, error) {
	text := C.CString(xml)
	defer C.free(unsafe.Pointer(text))
	var failed *C.GError
	node := C.g_dbus_node_info_new_for_xml((*C.gchar)(text), &failed)
	if node == nil {
		defer C.g_error_free(failed)
		return nil, errors.New(C.GoString((*C.char)(failed.message)))
	}
	if node.interfaces == nil || *node.interfaces == nil {
		C.g_dbus_node_info_unref(node)
		return nil, errors.New("no interface in the introspection data")
	}
	info := *node.interfaces
	return &Interface{name: C.GoString((*C.char)(info.name)), info: info}, nil
}

// NewGUID makes an identifier for a D-Bus server (g_dbus_generate_guid).
func NewGUID() string {
	guid := C.g_dbus_generate_guid()
	defer C.g_free(C.gpointer(guid))
	return C.GoString((*C.char)(guid))
}

func toNative(v *gotkglib.Variant) *C.GVariant {
	if v == nil {
		return nil
	}
	return (*C.GVariant)(gextras.StructNative(unsafe.Pointer(v)))
}

// fromNative makes gotk4's Variant of one that C keeps.
func fromNative(v *C.GVariant) *gotkglib.Variant {
	C.g_variant_ref(v)
	variant := (*gotkglib.Variant)(gextras.NewStructNative(unsafe.Pointer(v)))
	runtime.SetFinalizer(gextras.StructIntern(unsafe.Pointer(variant)), func(intern *struct{ C unsafe.Pointer }) {
		C.g_variant_unref((*C.GVariant)(intern.C))
	})
	return variant
}
