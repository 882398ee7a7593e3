package main

import (
	"bytes"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/program"
	"github.com/glibserve/glibserve/examples/shared/servertest"
)

// What people have at hand sends a megabyte, ends its half, and wants it all
// back.
func TestEverydayProgramsGetBackWhatTheySend(t *testing.T) {
	path := t.TempDir() + "/s"
	name := "glibserve-echo-programs-" + strconv.FormatUint(rand.Uint64(), 36)
	p := servertest.Start(t, "-listen", "tcp:127.0.0.1:0", "-listen", "unix:"+path, "-listen", "unix:@"+name)
	port := strconv.Itoa(p.Addrs(3)[0].(*net.TCPAddr).Port)
	data := make([]byte, 1<<20)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	for _, c := range []struct {
		name    string
		program string
		args    []string
	}{
		{"nc TCP", "nc", []string{"-N", "127.0.0.1", port}},
		{"nc Unix", "nc", []string{"-N", "-U", path}},
		// socat waits so long for what comes back after the end of its input.
		{"socat TCP", "socat", []string{"-t60", "-", "TCP:127.0.0.1:" + port}},
		{"socat Unix", "socat", []string{"-t60", "-", "UNIX-CONNECT:" + path}},
		{"socat abstract", "socat", []string{"-t60", "-", "ABSTRACT-CONNECT:" + name}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := servertest.Command(t, c.program, c.args...)
			var stdout, stderr bytes.Buffer
			cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(data), &stdout, &stderr
			require.NoError(t, cmd.Run(), &stderr)
			require.Empty(t, stderr.String())
			require.True(t, bytes.Equal(data, stdout.Bytes()), "%d bytes came back", stdout.Len())
		})
	}
	p.Signal(os.Interrupt)
	require.Equal(t, program.OK, p.Wait())
	require.Empty(t, p.Stderr())
}
