package main

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/program"
	"github.com/glibserve/glibserve/examples/shared/servertest"
)

// listeners counts the sockets that listen on addr, as the kernel lists them.
func listeners(t *testing.T, addr net.Addr) (n int) {
	table, err := os.ReadFile("/proc/net/tcp")
	require.NoError(t, err)
	port := fmt.Sprintf(":%04X", addr.(*net.TCPAddr).Port)
	for _, line := range strings.Split(string(table), "\n") {
		fields := strings.Fields(line)
		if len(fields) > 3 && fields[3] == "0A" && strings.HasSuffix(fields[1], port) {
			n++
		}
	}
	return n
}

func TestSeveralLoopsShareAnAddress(t *testing.T) {
	args := append([]string{"-loops", "4"}, everywhere(t)...)
	p := servertest.Start(t, args...)
	addrs := p.Addrs((len(args) - 2) / 2)
	require.Equal(t, 4, listeners(t, addrs[0]))
	for _, addr := range addrs {
		for range 64 { // all four get some: one that is not served would keep its client waiting
			roundTrip(t, addr, 100)
		}
	}
	second := servertest.Start(t, "-loops", "2", "-listen", "tcp:"+addrs[0].String())
	require.Equal(t, program.Failure, second.Wait())
	require.Contains(t, second.Stderr(), "another program is already listening there")
	p.Signal(os.Interrupt)
	require.Equal(t, program.OK, p.Wait())
	require.Empty(t, p.Stderr())
}
