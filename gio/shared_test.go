package gio_test

import (
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// Services that share a listening socket, as after a fork: each wakes up for every
// client, and all but one find none. That is no lack of descriptors.
func TestServicesShareAListeningSocket(t *testing.T) {
	consume := map[string]func(t *testing.T, svc *gio.SocketService){
		"Serve":           func(t *testing.T, svc *gio.SocketService) { serve(t, svc, echo) },
		"ConnectIncoming": func(_ *testing.T, svc *gio.SocketService) { svc.ConnectIncoming(takeIncoming) },
	}
	eachMode(t, func(t *testing.T) {
		for name, take := range consume {
			t.Run(name, func(t *testing.T) {
				var log lockedLog
				ln, err := net.Listen("tcp", "127.0.0.1:0")
				require.NoError(t, err)
				file := fileOf(t, ln)
				require.NoError(t, ln.Close())
				for i := range 3 {
					svc := gio.NewSocketService(&gio.ServiceConfig{Logger: log.logger()})
					defer svc.Close()
					require.NoError(t, svc.AddFile(file, fmt.Sprint(i)))
					take(t, svc)
				}
				rounds(t, ln.Addr(), 1500, 1)
				rounds(t, ln.Addr(), 1500, 32)
				require.Empty(t, log.String()) // GIO's own accept warns when it finds none
			})
		}
	})
}
