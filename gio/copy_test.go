package gio_test

import (
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// pour writes n bytes in pieces of up to most and then ends the stream; it
// returns their checksum.
func pour(t testing.TB, to net.Conn, n, most int) [32]byte {
	sum := sha256.New()
	random := rand.New(rand.NewChaCha8([32]byte{byte(n), byte(most)}))
	b := make([]byte, most)
	for n > 0 {
		piece := b[:min(n, 1+random.IntN(most))]
		for i := range piece {
			piece[i] = byte(random.Uint32())
		}
		sum.Write(piece)
		if _, err := to.Write(piece); err != nil {
			t.Errorf("write: %v", err)
			break
		}
		n -= len(piece)
	}
	if err := to.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Errorf("CloseWrite: %v", err)
	}
	return [32]byte(sum.Sum(nil))
}

// drained reads to the end.
func drained(from io.Reader) <-chan [32]byte {
	ch := make(chan [32]byte, 1)
	go func() {
		sum := sha256.New()
		_, _ = io.Copy(sum, from)
		ch <- [32]byte(sum.Sum(nil))
	}()
	return ch
}

// In pieces small and big, so that both ways of moving are taken and left.
func TestCopyToItselfEchoes(t *testing.T) {
	for _, size := range []struct{ n, most int }{{1, 1}, {10_000, 100}, {1 << 20, 4 << 10}, {16 << 20, 256 << 10}, {8 << 20, 20 << 10}} {
		eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
			type result struct {
				n   int64
				err error
			}
			copied := make(chan result, 1)
			go func() {
				n, err := io.Copy(c, c)
				_ = c.CloseWrite()
				copied <- result{n, err}
			}()
			got := drained(peer)
			want := pour(t, peer, size.n, size.most)
			require.Equal(t, result{int64(size.n), nil}, receive(t, copied))
			require.Equal(t, want, receive(t, got))
		})
	}
}

// second is another address of the same kind.
func second(network, address string) string {
	if network == "unix" {
		return address + "-b"
	}
	return address
}

func TestTwoConnectionsCopiedToEachOther(t *testing.T) {
	everyNetwork(t, func(t *testing.T, network, address string) {
		a, left := pair(t, network, address)
		b, right := pair(t, network, second(network, address))
		for _, way := range [][2]*gio.SocketConnection{{a, b}, {b, a}} {
			go func() {
				_, _ = io.Copy(way[0], way[1])
				_ = way[0].CloseWrite()
			}()
		}
		gotLeft, gotRight := drained(left), drained(right)
		wantLeft := make(chan [32]byte, 1)
		go func() { wantLeft <- pour(t, right, 12<<20, 200<<10) }()
		wantRight := pour(t, left, 12<<20, 70<<10)
		require.Equal(t, wantRight, receive(t, gotRight))
		require.Equal(t, receive(t, wantLeft), receive(t, gotLeft))
	})
}

func TestCopyTakesNoMoreThanTheLimit(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		const limit, all = 300<<10 + 7, 400 << 10
		go pour(t, peer, all, all)
		go func() { _, _ = io.Copy(io.Discard, peer) }()
		lr := &io.LimitedReader{R: c, N: limit}
		n, err := c.ReadFrom(lr)
		require.NoError(t, err)
		require.EqualValues(t, limit, n)
		require.Zero(t, lr.N)
		rest, err := io.ReadAll(c)
		require.NoError(t, err)
		require.Len(t, rest, all-limit)
		n, err = c.ReadFrom(io.LimitReader(c, -1))
		require.NoError(t, err)
		require.Zero(t, n)
	})
}

// beginCopy starts to copy c to itself and returns once it waits, after size bytes
// have gone round.
func beginCopy(t *testing.T, c *gio.SocketConnection, peer net.Conn, size int) <-chan error {
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(c, c)
		copied <- err
	}()
	if size > 0 {
		b := make([]byte, size)
		go func() { _, _ = peer.Write(b) }()
		_, err := io.ReadFull(peer, make([]byte, size))
		require.NoError(t, err)
	}
	parked(t, "gio.(*SocketConnection).ReadFrom", 1)
	return copied
}

func TestCloseAndDeadlineEndACopy(t *testing.T) {
	for _, size := range []int{0, 100, 1 << 20} { // through a buffer, and through a pipe
		eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
			copied := beginCopy(t, c, peer, size)
			require.NoError(t, c.SetReadDeadline(time.Now().Add(-time.Second)))
			require.ErrorIs(t, receive(t, copied), os.ErrDeadlineExceeded)
			_, err := peer.Write([]byte("x"))
			require.NoError(t, err)
			_, err = io.Copy(c, c)
			require.ErrorIs(t, err, os.ErrDeadlineExceeded, "although something is there")
			require.NoError(t, c.SetReadDeadline(time.Time{}))
			_, err = io.ReadFull(c, make([]byte, 1))
			require.NoError(t, err)
			copied = beginCopy(t, c, peer, size)
			require.NoError(t, c.Close())
			require.ErrorIs(t, receive(t, copied), net.ErrClosed)
			_, err = io.Copy(c, c)
			require.ErrorIs(t, err, net.ErrClosed)
		})
	}
}

func TestACopyWhoseReceiverIsGoneEnds(t *testing.T) {
	everyNetwork(t, func(t *testing.T, network, address string) {
		src, feeder := pair(t, network, address)
		dst, reader := pair(t, network, second(network, address))
		require.NoError(t, reader.Close())
		go func() { // as much as it takes
			for b := make([]byte, 64<<10); ; {
				if _, err := feeder.Write(b); err != nil {
					return
				}
			}
		}()
		_, err := io.Copy(dst, src)
		require.Error(t, err)
		require.False(t, err.(*net.OpError).Timeout())
		require.Equal(t, "write", err.(*net.OpError).Op)
		require.NoError(t, src.Close())
	})
}
