// Package peer is what the servers written in Go have in common, so that they
// differ in nothing but what is measured: their work, their flags and the way
// they announce where they listen.
package peer

import (
	"encoding/binary"
	"io"
	"sync"
)

const (
	smallSize = 1 << 10  // what a connection holds while it waits
	bigSize   = 64 << 10 // for one whose reads fill the small buffer
)

var (
	smallBuffers = sync.Pool{New: func() any { return new([smallSize]byte) }}
	bigBuffers   = sync.Pool{New: func() any { return new([bigSize]byte) }}
)

// Work is what a server does with a connection, until it returns.
type Work func(conn io.ReadWriter) error

// Works are those that the load generator knows how to talk to.
var Works = map[string]Work{"echo": Echo, "sink": Sink, "source": Source}

// Echo sends back what it reads.
func Echo(conn io.ReadWriter) error {
	small := smallBuffers.Get().(*[smallSize]byte)
	defer smallBuffers.Put(small)
	for {
		n, err := relay(conn, small[:])
		if err != nil {
			return err
		}
		if n == smallSize {
			return echoBulk(conn)
		}
	}
}

func echoBulk(conn io.ReadWriter) error {
	if _, ok := conn.(io.ReaderFrom); ok { // package net splices
		_, err := io.Copy(conn, conn)
		return err
	}
	big := bigBuffers.Get().(*[bigSize]byte)
	defer bigBuffers.Put(big)
	for {
		if _, err := relay(conn, big[:]); err != nil {
			return err
		}
	}
}

func relay(conn io.ReadWriter, buffer []byte) (int, error) {
	n, err := conn.Read(buffer)
	if n > 0 {
		if _, err := conn.Write(buffer[:n]); err != nil {
			return n, err
		}
	}
	return n, err
}

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
