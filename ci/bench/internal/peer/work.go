// Package peer is what the servers written in Go have in common, so that they
// differ in nothing but what is measured: their work, their flags and the way
// they announce where they listen.
package peer

import (
	"encoding/binary"
	"io"
	"sync"
)

// bigSize is the buffer of the bulk work.
const bigSize = 64 << 10

var bigBuffers = sync.Pool{New: func() any { return new([bigSize]byte) }}

// Work is what a server does with a connection, until it returns.
type Work func(conn io.ReadWriter) error

// Works are those that the load generator knows how to talk to, beside the
// handlers of echo.
var Works = map[string]Work{"sink": Sink, "source": Source}

// Sink throws away what it reads and answers, when the peer has sent all, how
// many bytes there were.
func Sink(conn io.ReadWriter) error {
	big := bigBuffers.Get().(*[bigSize]byte)
	defer bigBuffers.Put(big)
	var total uint64
	for {
		n, err := conn.Read(big[:])
		total += uint64(n)
		if err == io.EOF {
			_, err = conn.Write(binary.BigEndian.AppendUint64(nil, total))
			return err
		}
		if err != nil {
			return err
		}
	}
}

// Pattern is the block that Source sends.
var Pattern = sync.OnceValue(func() []byte {
	block := make([]byte, bigSize)
	for i := range block {
		block[i] = byte(i*131 + i>>8*17)
	}
	return block
})

// Source sends the Pattern over and over until the peer goes away.
func Source(conn io.ReadWriter) error {
	block := Pattern()
	for {
		if _, err := conn.Write(block); err != nil {
			return err
		}
	}
}
