package gio_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/giotest"
)

// Package giotest by the names that the tests of this package are written with.

const patience = giotest.Patience

// noLeakSanitizer is for processes whose threads LeakSanitizer, under -asan, cannot stop when they
// end: in a namespace that hides them, or in the middle of handshakes on GLib's threads.
const noLeakSanitizer = "ASAN_OPTIONS=detect_leaks=0"

var (
	helpers = giotest.Helpers
	helper  = giotest.Helper
	mustRun = giotest.MustRun
	inChild = giotest.InChild

	quiet      = giotest.Quiet
	echo       = giotest.Echo
	newService = giotest.NewService
	listenOn   = giotest.ListenOn
	newClient  = giotest.NewClient

	dial       = giotest.Dial
	say        = giotest.Say
	rawSocket  = giotest.RawSocket
	rawConnect = giotest.RawConnect
	rawSay     = giotest.RawSay

	again     = giotest.Again
	hammer    = giotest.Hammer
	underFire = giotest.UnderFire
	rounds    = giotest.Rounds

	eventually     = giotest.Eventually
	requireEnd     = giotest.RequireEnd
	requireEcho    = giotest.RequireEcho
	requireOpError = giotest.RequireOpError

	descriptors            = giotest.Descriptors
	noLeaks                = giotest.NoLeaks
	requireSameDescriptors = giotest.RequireSameDescriptors
	limitDescriptors       = giotest.LimitDescriptors
	takeAllDescriptors     = giotest.TakeAllDescriptors
	cpuTime                = giotest.CPUTime

	acceptEach = giotest.AcceptEach
	echoConn   = giotest.EchoConn

	stale     = giotest.StalePath
	pkgConfig = giotest.PkgConfig

	// wrapped counts the connections whose gotk4 wrapper keeps them for good.
	wrapped = &giotest.Wrapped
)

func receive[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	return giotest.Receive(t, ch)
}

// serve returns once Serve takes clients: before, a service that has other
// handlers closes what those decline.
func serve(t testing.TB, svc *gio.SocketService, f gio.HandlerFunc) <-chan error {
	t.Helper()
	errc := giotest.Serve(svc, f)
	require.Eventually(t, svc.Serving, patience, time.Millisecond)
	return errc
}
