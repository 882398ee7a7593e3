package gio_test

import (
	"context"
	"testing"
	"time"

	coreglib "github.com/diamondburned/gotk4/pkg/core/glib"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/giotest"
	"github.com/glibserve/glibserve/gio/internal/test/gobject"
	"github.com/glibserve/glibserve/glibloop"
)

// native is the address of the service's GObject, which others have from then on.
func native(svc *gio.SocketService) uintptr { return coreglib.BaseObject(svc.Gotk4()).Native() }

// onLoop calls f on the loop's thread.
func onLoop(t testing.TB, loop *glibloop.Loop, f func()) {
	t.Helper()
	require.NoError(t, loop.Call(context.Background(), func() error { f(); return nil }))
}

// flush waits until the loop has done what it had to, GIO's sources included.
func flush(t testing.TB, loop *glibloop.Loop) {
	t.Helper()
	for range 4 {
		onLoop(t, loop, func() {})
	}
}

// setters start and stop a service, each the way of somebody else.
var setters = map[string]func(t testing.TB, svc *gio.SocketService) func(active bool){
	"Go": func(_ testing.TB, svc *gio.SocketService) func(bool) { return svc.SetActive },
	"Go on the loop": func(t testing.TB, svc *gio.SocketService) func(bool) {
		return func(active bool) { onLoop(t, svc.Loop(), func() { svc.SetActive(active) }) }
	},
	"gotk4": func(t testing.TB, svc *gio.SocketService) func(bool) {
		w := svc.Gotk4()
		return func(active bool) {
			onLoop(t, svc.Loop(), func() {
				if active {
					w.Start()
				} else {
					w.Stop()
				}
			})
		}
	},
	"C": func(t testing.TB, svc *gio.SocketService) func(bool) {
		o := native(svc)
		return func(active bool) {
			onLoop(t, svc.Loop(), func() {
				if active {
					gobject.Start(o)
				} else {
					gobject.Stop(o)
				}
			})
		}
	},
	"g_object_set": func(t testing.TB, svc *gio.SocketService) func(bool) {
		o := native(svc)
		return func(active bool) { onLoop(t, svc.Loop(), func() { gobject.SetActive(o, active) }) }
	},
	"a thread of C": func(t testing.TB, svc *gio.SocketService) func(bool) {
		o := native(svc)
		stop := func() { gobject.StopOnThread(o) }
		// GLib 2.74 leaks the GCancellableSource of an accept when the loop lets go of it
		// before g_cancellable_cancel has returned on the other thread, in C programs, too.
		if giotest.AddressSanitizer {
			stop = func() { onLoop(t, svc.Loop(), func() { gobject.StopOnThread(o) }) }
		}
		return func(active bool) {
			if active {
				gobject.StartOnThread(o)
			} else {
				stop()
			}
		}
	},
	"a switch": func(t testing.TB, svc *gio.SocketService) func(bool) {
		o, s := native(svc), gobject.NewSwitch()
		onLoop(t, svc.Loop(), func() { gobject.BindActive(o, s) })
		t.Cleanup(func() { gobject.Unref(s) })
		return func(active bool) { onLoop(t, svc.Loop(), func() { gobject.SetActive(s, active) }) }
	},
}

func eachSetter(t *testing.T, f func(t *testing.T, set func(svc *gio.SocketService) func(bool))) {
	for name, setter := range setters {
		t.Run(name, func(t *testing.T) {
			f(t, func(svc *gio.SocketService) func(bool) { return setter(t, svc) })
		})
	}
}

// observers are all who can see whether a service is active.
type observers struct {
	svc    *gio.SocketService
	loop   *glibloop.Loop
	object uintptr
	bound  uintptr // a switch
	inC    gobject.Notified
	told   chan bool // every value that ConnectNotifyActive was told
	last   bool
}

func observe(t *testing.T, svc *gio.SocketService) *observers {
	t.Helper()
	o := &observers{svc: svc, loop: svc.Loop(), object: native(svc), bound: gobject.NewSwitch(), told: make(chan bool, 1000), last: svc.IsActive()}
	svc.ConnectNotifyActive(func(active bool) { o.told <- active })
	onLoop(t, o.loop, func() {
		gobject.BindActive(o.object, o.bound)
		o.inC = gobject.CountNotifyActive(o.object)
	})
	t.Cleanup(func() {
		onLoop(t, o.loop, o.inC.Disconnect)
		gobject.Unref(o.bound)
	})
	return o
}

// require wants all to see the same, and that nobody was told anything twice.
func (o *observers) require(t *testing.T, active bool) {
	t.Helper()
	flush(t, o.loop)
	for len(o.told) > 0 {
		next := <-o.told
		require.NotEqual(t, o.last, next, "told the same again")
		o.last = next
	}
	require.Equal(t, active, o.svc.IsActive(), "IsActive")
	require.Equal(t, active, o.last, "ConnectNotifyActive")
	var property, bound, notified bool
	onLoop(t, o.loop, func() {
		property, bound, notified = gobject.Active(o.object), gobject.Active(o.bound), o.inC.Last()
	})
	require.Equal(t, active, property, "the property")
	require.Equal(t, active, bound, "the switch")
	require.Equal(t, active, notified, "notify::active")
}

// requireNothing wants nothing to come for a moment: it is what is measured.
func requireNothing[T any](t testing.TB, ch <-chan T, why string) {
	t.Helper()
	select {
	case <-ch:
		require.FailNow(t, why)
	case <-time.After(30 * time.Millisecond):
	}
}

// eachMode runs the test with who accepts decided by state, and with GIO alone.
func eachMode(t *testing.T, f func(t *testing.T)) {
	t.Run("directly", func(t *testing.T) {
		directly(t)
		f(t)
	})
	t.Run("by GIO", func(t *testing.T) {
		byGIO(t)
		f(t)
	})
}
