package gio_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	gotkglib "github.com/diamondburned/gotk4/pkg/glib/v2"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/glibloop"
)

// unattended serves on a loop that nobody iterates, as that of a GTK program before
// and after g_application_run.
func unattended(t testing.TB) (*gio.SocketService, *gotkglib.MainContext) {
	t.Helper()
	mainContext := gotkglib.NewMainContext()
	loop := glibloop.Adopt(mainContext)
	t.Cleanup(func() { _ = loop.Close() })
	return gio.NewSocketService(&gio.ServiceConfig{Loop: loop, Logger: quiet}), mainContext
}

// What GIO has still to let go of, it does when somebody iterates again.
func TestCloseOnALoopThatNobodyIteratesIsWhole(t *testing.T) {
	noLeaks(t)
	svc, mainContext := unattended(t)
	_, err := svc.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	serving := serve(t, svc, echo)
	require.NoError(t, svc.Close())
	receive(t, svc.Done())
	require.ErrorIs(t, receive(t, serving), gio.ErrServiceClosed)
	for range 3 {
		mainContext.Iteration(false)
	}
}

func BenchmarkCloseOnALoopThatNobodyIterates(b *testing.B) {
	for b.Loop() {
		svc, mainContext := unattended(b)
		_, err := svc.Listen("tcp", "127.0.0.1:0")
		require.NoError(b, err)
		require.NoError(b, svc.Close())
		for mainContext.Iteration(false) {
		}
	}
}
