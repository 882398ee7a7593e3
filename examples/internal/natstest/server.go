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
	return StartWith(t, server.Options{})
}

// StartWith is Start with options, such as who may come in.
func StartWith(t *testing.T, options server.Options) net.Addr {
	t.Helper()
	options.Host, options.Port, options.NoLog, options.NoSigs = "127.0.0.1", server.RANDOM_PORT, true, true
	s, err := server.NewServer(&options)
	require.NoError(t, err)
	go s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	require.True(t, s.ReadyForConnections(patience), "the NATS server does not start")
	return s.Addr()
}
