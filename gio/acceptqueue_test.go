package gio_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// Accept comes and goes all the time while clients come.
func TestAcceptingOneByOneForgetsNobody(t *testing.T) {
	svc, addr := newService(t, nil)
	ln := svc.NetListener()
	done := make(chan struct{})
	for range 2 {
		go func() {
			defer func() { done <- struct{}{} }()
			acceptEach(ln, echoConn)
		}()
	}
	watchdog := time.AfterFunc(4*patience, func() { panic("clients wait for ever") })
	defer watchdog.Stop()
	rounds(t, addr, 5000, 16)
	require.NoError(t, ln.Close())
	receive(t, done)
	receive(t, done)
}

// Serve begins while a client is being accepted for nobody.
func TestServeTakesWhatIsPending(t *testing.T) {
	for range 200 {
		svc := gio.NewSocketService(nil)
		addr, err := svc.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		c := dial(t, addr)
		serve(t, svc, echo)
		say(t, c, "hello")
		require.NoError(t, svc.Close())
	}
}
