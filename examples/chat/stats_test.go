package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/servertest"
)

// A signal has it say what the doors are doing, and does not end it.
func TestASignalHasItLogWhoIsHere(t *testing.T) {
	server := servertest.Start(t, "-listen", "tcp:127.0.0.1:0", "-web", "tcp:127.0.0.1:0")
	addr := server.Addrs(2)[0]
	alice := servertest.Dial(t, addr)
	alice.Expect("Welcome!")
	for _, n := range []int{1, 2} { // it works again
		server.Signal(syscall.SIGUSR1)
		require.Eventually(t, func() bool { return strings.Count(server.Stderr(), "msg=chat clients=1") == n }, servertest.Patience, time.Millisecond)
	}
	require.Contains(t, server.Stderr(), "msg=door network=tcp address="+addr.String()+" service.accepted=1 service.open=1 service.handling=1 service.pending=0 service.active=true")
	require.Equal(t, 4, strings.Count(server.Stderr(), "msg=door"), "each door, twice")
	alice.Send("/nick alice\n")
	alice.Expect("You are alice now.")
}
