package netfd

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// For want of a descriptor there is no duplicate when GIO code gets the objects. What
// needs one later finds the number closed, and before the GSocket says so: g_socket_close
// marks it after close(2).
func TestANumberThatGIOHasJustClosedIsErrClosed(t *testing.T) {
	for name, f := range map[string]func(a *FD) error{
		"Read":        func(a *FD) error { _, err := a.Read(make([]byte, 1)); return err },
		"Write":       func(a *FD) error { _, err := a.Write([]byte("x")); return err },
		"SetDeadline": func(a *FD) error { return a.SetDeadline(time.Now().Add(time.Minute), true, true) },
		"Control":     func(a *FD) error { return a.Control(func(int) {}) },
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := unixPair(t)
			_, err := a.Objects()
			require.NoError(t, err)
			var old unix.Rlimit
			require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &old))
			require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: old.Max}))
			_, err = a.Expose()
			require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &old))
			require.NoError(t, err)
			require.Nil(t, a.poller.Load(), "there was a descriptor")

			file, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
			require.NoError(t, err)
			require.NoError(t, unix.Close(a.Sysfd()))
			err = f(a)
			require.NoError(t, unix.Dup3(file, a.Sysfd(), unix.O_CLOEXEC)) // for Close to close
			require.NoError(t, unix.Close(file))
			require.Equal(t, net.ErrClosed, err)
		})
	}
}
