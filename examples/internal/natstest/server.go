// Package natstest has what tests need that talk through NATS: a server of
// their own in the test's process, and a proxy before it that can be cut.
package natstest

import (
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
)

// patience is how long the server may take to be there.
const patience = 30 * time.Second

// Start runs a NATS server on a free port of the loopback until the end of
// the test, and returns its address.
func Start(t *testing.T) net.Addr {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	require.NoError(t, err)
	go s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	require.True(t, s.ReadyForConnections(patience), "the NATS server does not start")
	return s.Addr()
}
