package main

// Not an external test: a command cannot be imported.

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// script is a connection that plays what Read returns, and keeps what
// happened: how large a buffer was offered, and the deadlines.
type script struct {
	net.Conn
	reads     []scriptedRead
	offered   []int
	written   int
	deadlines []time.Time
	writeErr  error
}

type scriptedRead struct {
	n   int // -1: all that there is room for
	err error
}

func (s *script) Read(p []byte) (int, error) {
	s.offered = append(s.offered, len(p))
	if len(s.reads) == 0 {
		return 0, io.EOF
	}
	next := s.reads[0]
	s.reads = s.reads[1:]
	if next.n < 0 {
		next.n = len(p)
	}
	return next.n, next.err
}

func (s *script) Write(p []byte) (int, error) {
	s.written += len(p)
	return len(p), s.writeErr
}

func (s *script) SetReadDeadline(t time.Time) error {
	s.deadlines = append(s.deadlines, t)
	return nil
}

func TestAQuietClientHoldsASmallBuffer(t *testing.T) {
	conn := &script{reads: []scriptedRead{{n: 64}, {n: 64}}}
	require.NoError(t, echo(conn))
	require.Equal(t, []int{smallSize, smallSize, smallSize}, conn.offered)
	require.Equal(t, 128, conn.written)
	require.Empty(t, conn.deadlines)
}

func TestABusyClientHasABigBufferForAsLongAsItSends(t *testing.T) {
	conn := &script{reads: []scriptedRead{{n: -1}, {n: -1}, {n: 10}, {err: os.ErrDeadlineExceeded}, {n: 10}}}
	require.NoError(t, echo(conn))
	require.Equal(t, []int{smallSize, bigSize, bigSize, bigSize, smallSize, smallSize}, conn.offered)
	require.Equal(t, smallSize+bigSize+20, conn.written)
	require.Len(t, conn.deadlines, 2)
	require.WithinDuration(t, time.Now().Add(bulkTime), conn.deadlines[0], bulkTime)
	require.Zero(t, conn.deadlines[1], "the deadline was that of the big buffer")
}

func TestWhatComesWithAnErrorIsSentBack(t *testing.T) {
	broken := errors.New("broken")
	conn := &script{reads: []scriptedRead{{n: 5, err: io.EOF}}}
	require.NoError(t, echo(conn))
	require.Equal(t, 5, conn.written)
	conn = &script{reads: []scriptedRead{{n: -1}, {n: 7, err: broken}}}
	require.Equal(t, broken, echo(conn))
	require.Equal(t, smallSize+7, conn.written)
}

func TestAPeerThatIsGoneEndsTheEcho(t *testing.T) {
	broken := errors.New("broken")
	for _, n := range []int{1, -1} {
		conn := &script{reads: []scriptedRead{{n: n}, {n: n}}, writeErr: broken}
		require.Equal(t, broken, echo(conn))
	}
}

// chatter sends the same message so many times, without a record that grows.
type chatter struct {
	net.Conn
	left int
	size int
}

func (c *chatter) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	c.left--
	return min(c.size, len(p)), nil
}
func (c *chatter) Write(p []byte) (int, error)     { return len(p), nil }
func (c *chatter) SetReadDeadline(time.Time) error { return nil }

func TestAMessageCostsNoAllocation(t *testing.T) {
	for _, size := range []int{64, 64 << 10} {
		conn := &chatter{size: size}
		allocations := testing.AllocsPerRun(10, func() {
			conn.left = 1000
			_ = echo(conn)
		})
		// A buffer or two when a collection emptied the pool between runs.
		require.LessOrEqual(t, allocations, 3.0, "per 1,000 messages of %d bytes", size)
	}
}
