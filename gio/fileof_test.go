package gio_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/giotest"
)

type (
	named   struct{ *os.File } // reads as the file does
	pointed struct {
		*os.File
		name string
	}
	shouting struct{ *os.File } // does not
	calling  struct{ *os.File }
	around   struct{ shouting }
	hiding   struct { // whose Read is that of whichever is less deep
		io.Reader
		inner
	}
	inner struct{ *os.File }
)

func (s shouting) Read(b []byte) (int, error) {
	n, err := s.File.Read(b)
	copy(b, bytes.ToUpper(b[:n]))
	return n, err
}
func (s *calling) Read(b []byte) (int, error) {
	n, err := s.File.Read(b)
	copy(b, bytes.ToUpper(b[:n]))
	return n, err
}

// waysToCopy are all with which a file comes to a connection.
var waysToCopy = map[string]func(c *gio.SocketConnection, f *os.File) (int64, error){
	"ReadFrom":    func(c *gio.SocketConnection, f *os.File) (int64, error) { return c.ReadFrom(f) },
	"Copy":        func(c *gio.SocketConnection, f *os.File) (int64, error) { return io.Copy(c, f) },
	"CopyN":       func(c *gio.SocketConnection, f *os.File) (int64, error) { return io.CopyN(c, f, 5) },
	"LimitReader": func(c *gio.SocketConnection, f *os.File) (int64, error) { return io.Copy(c, io.LimitReader(f, 5)) },
	"limited twice": func(c *gio.SocketConnection, f *os.File) (int64, error) {
		return io.Copy(c, io.LimitReader(io.LimitReader(f, 5), 7))
	},
	"WriteTo":      func(c *gio.SocketConnection, f *os.File) (int64, error) { return f.WriteTo(c) },
	"a struct":     func(c *gio.SocketConnection, f *os.File) (int64, error) { return io.Copy(c, struct{ *os.File }{f}) },
	"a user's":     func(c *gio.SocketConnection, f *os.File) (int64, error) { return c.ReadFrom(named{f}) },
	"by a pointer": func(c *gio.SocketConnection, f *os.File) (int64, error) { return c.ReadFrom(&pointed{f, "x"}) },
	"limited user's": func(c *gio.SocketConnection, f *os.File) (int64, error) {
		return c.ReadFrom(io.LimitReader(named{f}, 5))
	},
}

// sendfile is the number of the call that package syscall makes.
func sendfile() uint32 {
	if runtime.GOARCH == "386" || runtime.GOARCH == "arm" {
		return 239 // sendfile64
	}
	return syscall.SYS_SENDFILE
}

// sendfile is made to fail: who does not, has not called it.
func TestFilesGoBySendfile(t *testing.T) {
	child, _ := inChild(t)
	if !child {
		return
	}
	f, _ := randomFile(t, 10)
	giotest.Forbid(t, sendfile(), syscall.EIO)
	for name, copy := range waysToCopy {
		t.Run(name, func(t *testing.T) {
			for _, network := range []string{"tcp", "unix"} {
				address := "127.0.0.1:0"
				if network == "unix" {
					address = abstract(t)
				}
				c, _ := pair(t, network, address)
				_, err := copy(c, f)
				require.ErrorIs(t, err, syscall.EIO, network)
				require.ErrorContains(t, err, "sendfile", network)
			}
		})
	}
}

// bodyOf asks a server on a listener of ours.
func bodyOf(t *testing.T, h http.HandlerFunc) []byte {
	t.Helper()
	l, addr := listenOn(t, "tcp", "127.0.0.1:0")
	done := make(chan struct{})
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { defer close(done); h(w, r) })}
	go func() { _ = srv.Serve(l.NetListener()) }()
	defer srv.Close()
	peer := dial(t, addr)
	_, err := peer.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
	require.NoError(t, err)
	b, err := io.ReadAll(peer)
	require.NoError(t, err)
	receive(t, done)
	_, body, found := bytes.Cut(b, []byte("\r\n\r\n"))
	require.True(t, found)
	return body
}

// Where sendfile does not work, a buffer does.
func TestFilesGoWithoutSendfile(t *testing.T) {
	child, _ := inChild(t)
	if !child {
		return
	}
	f, want := randomFile(t, 10)
	giotest.Forbid(t, sendfile(), syscall.ENOSYS)
	for name, copy := range waysToCopy {
		t.Run(name, func(t *testing.T) {
			_, err := f.Seek(0, io.SeekStart)
			require.NoError(t, err)
			c, peer := pair(t, "tcp", "127.0.0.1:0")
			got := received(peer)
			n, err := copy(c, f)
			require.NoError(t, err)
			require.NoError(t, c.Close())
			require.Equal(t, want[:n], receive(t, got))
		})
	}
}

func TestHTTPSendsFilesBySendfile(t *testing.T) {
	child, _ := inChild(t)
	if !child {
		return
	}
	f, want := randomFile(t, 100_000)
	ways := map[string]http.HandlerFunc{
		"ServeContent": func(w http.ResponseWriter, r *http.Request) { http.ServeContent(w, r, "x.bin", time.Time{}, f) },
		"ServeFile":    func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, f.Name()) },
		"io.Copy": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len(want))) // net/http sends no chunks by sendfile
			if _, err := f.Seek(0, io.SeekStart); err == nil {
				_, _ = io.Copy(w, f)
			}
		},
	}
	for name, h := range ways {
		t.Log(name)
		requireSame(t, want, bodyOf(t, h))
	}
	giotest.Forbid(t, sendfile(), syscall.EIO)
	for name, h := range ways {
		// What net/http looked at first may have gone out.
		require.Less(t, len(bodyOf(t, h)), 10_000, name)
	}
}

// Whose Read is not the file's is asked by Read.
func TestAReadOfOnesOwnIsCalled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(path, []byte("softly"), 0o600))
	for name, wrap := range map[string]func(f *os.File) io.Reader{
		"a value's":         func(f *os.File) io.Reader { return shouting{f} },
		"by a pointer":      func(f *os.File) io.Reader { return &shouting{f} },
		"a pointer's":       func(f *os.File) io.Reader { return &calling{f} },
		"of what is inside": func(f *os.File) io.Reader { return around{shouting{f}} },
		"limited":           func(f *os.File) io.Reader { return io.LimitReader(shouting{f}, 100) },
		"another field's":   func(f *os.File) io.Reader { return hiding{shouting{f}, inner{f}} },
	} {
		t.Run(name, func(t *testing.T) {
			f, err := os.Open(path)
			require.NoError(t, err)
			defer f.Close()
			c, peer := pair(t, "tcp", "127.0.0.1:0")
			got := received(peer)
			_, err = c.ReadFrom(wrap(f))
			require.NoError(t, err)
			require.NoError(t, c.Close())
			require.Equal(t, "SOFTLY", string(receive(t, got)))
		})
	}
}

// What has a descriptor and is no file stays with the buffer.
func TestReadersWithADescriptorThatAreNoFiles(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	_, err = w.WriteString("pipe")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	conn := dial(t, ln.Addr())
	other, err := ln.Accept()
	require.NoError(t, err)
	defer other.Close()
	_, err = other.Write([]byte(" conn"))
	require.NoError(t, err)
	require.NoError(t, other.Close())
	c, peer := pair(t, "tcp", "127.0.0.1:0")
	got := received(peer)
	for _, src := range []io.Reader{named{r}, conn} {
		_, err := io.Copy(c, src)
		require.NoError(t, err)
	}
	require.NoError(t, c.Close())
	require.Equal(t, "pipe conn", string(receive(t, got)))
}
