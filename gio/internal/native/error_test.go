package native

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Which errno has a code of its own differs between versions of GLib; what a
// program gets does not.
func TestErrnoIsTheSameOnEveryGLib(t *testing.T) {
	for _, tt := range []struct {
		code        int
		errno, want syscall.Errno
	}{
		{CodeFailed, syscall.EADDRNOTAVAIL, syscall.EADDRNOTAVAIL},            // GLib below 2.81
		{CodeConnectionRefused, syscall.EADDRNOTAVAIL, syscall.EADDRNOTAVAIL}, // and since
		{CodeConnectionRefused, syscall.ECONNREFUSED, syscall.ECONNREFUSED},
		{CodeConnectionRefused, syscall.EAGAIN, syscall.ECONNREFUSED}, // left by something else
		{CodeConnectionRefused, 0, syscall.ECONNREFUSED},
	} {
		e := &Error{Domain: IODomain, Code: tt.code, errno: tt.errno}
		require.Equal(t, tt.want, e.Unwrap(), "code %d, errno %d", tt.code, tt.errno)
	}
}
