package faults_test

import (
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stretchr/testify/require"
)

// steal is what plain.c does when it is told so.
func steal() {
	for fd := 3; fd < 64; fd++ {
		if on, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || on == 0 {
			continue
		}
		c, _, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		_ = unix.SetNonblock(fd, false)
		if err == nil {
			_ = unix.Close(c)
		}
		return
	}
}

// listenerStolen has somebody else take a client between poll(2) and accept(2).
func listenerStolen() faultScene {
	const name = "who shares the listening socket makes it blocking and takes the client"
	return faultScene{name: name, play: func(p *faultPeer) (string, bool) {
		// Sources run in the order in which they were attached: after a client, GIO's
		// own is younger than the one for commands.
		require.True(p.t, get(p.connect()))
		p.tell("rest")
		defer p.connect().Close()
		p.tell("steal")
		_, err := io.WriteString(p.in, "start\n")
		require.NoError(p.t, err)
		waits := false
		select {
		case <-p.answer:
		case <-time.After(2 * time.Second):
			waits = true
		}
		served := get(p.connect())
		loop := "the loop goes on"
		if waits {
			loop = "the loop stands still until the next client comes"
		}
		return fmt.Sprintf("%s; that one is served: %v", loop, served), !waits && served
	}}
}
