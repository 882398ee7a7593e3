package sockaddr_test

import (
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio/internal/sockaddr"
)

// FuzzNativeAddr reads any bytes as a native address, as they come from the
// kernel. What is understood must survive the way back.
func FuzzNativeAddr(f *testing.F) {
	for _, a := range []net.Addr{
		&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80},
		&net.TCPAddr{IP: net.IPv6loopback, Port: 65535, Zone: "lo"},
		&net.TCPAddr{IP: net.ParseIP("::ffff:1.2.3.4"), Port: 1},
		&net.UnixAddr{Name: "/a", Net: "unix"},
		&net.UnixAddr{Name: "@a", Net: "unix"},
		&net.UnixAddr{Name: strings.Repeat("n", 107), Net: "unix"},
	} {
		b, err := sockaddr.Encode(a)
		require.NoError(f, err)
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Add([]byte{1, 0, 0, 'a', 0, 'b'}) // an abstract name with a zero byte
	f.Fuzz(func(t *testing.T, b []byte) {
		a := sockaddr.Decode(b)
		if a == nil {
			return
		}
		_ = a.String()
		native, err := sockaddr.Encode(a)
		if err != nil {
			// The kernel knows names that cannot be written here: none, and those too
			// long for the kernel's own structure.
			u, ok := a.(*net.UnixAddr)
			require.True(t, ok, "%v: %v", a, err)
			require.True(t, u.Name == "" || len(u.Name) > 107, "%q: %v", u.Name, err)
			return
		}
		require.Equal(t, a.String(), sockaddr.Decode(native).String())
	})
}
