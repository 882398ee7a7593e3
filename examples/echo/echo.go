package main

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

const (
	// smallSize is what a connection holds while it waits: most of them wait
	// most of the time, so this is what ten thousand idle clients cost.
	smallSize = 1 << 10

	// bigSize is for those that are sending: 64 KiB are one write for most
	// programs that send in bulk.
	bigSize = 64 << 10

	// bulkTime bounds how long a big buffer is held by one that stopped
	// sending. Looking once a second costs a busy connection nothing.
	bulkTime = time.Second
)

var (
	smallBuffers = sync.Pool{New: func() any { return new([smallSize]byte) }}
	bigBuffers   = sync.Pool{New: func() any { return new([bigSize]byte) }}
)

// echo sends back what it reads until the peer has sent all.
func echo(conn net.Conn) error {
	buffer := smallBuffers.Get().(*[smallSize]byte)
	defer smallBuffers.Put(buffer)
	for {
		n, err := relay(conn, buffer[:])
		if err == nil && n == smallSize {
			err = echoBulk(conn)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// echoBulk goes on with a big buffer, for as long as bulkTime. A deadline
// ends it, not a look at each read: a connection that is quick then pays for
// nothing, and one that fell silent gives its buffer back.
func echoBulk(conn net.Conn) error {
	buffer := bigBuffers.Get().(*[bigSize]byte)
	defer bigBuffers.Put(buffer)
	if err := conn.SetReadDeadline(time.Now().Add(bulkTime)); err != nil {
		return err
	}
	for {
		_, err := relay(conn, buffer[:])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return conn.SetReadDeadline(time.Time{})
		}
		if err != nil {
			return err
		}
	}
}

// relay reads once and writes what came, also when an error came with it.
func relay(conn net.Conn, buffer []byte) (int, error) {
	n, err := conn.Read(buffer)
	if n > 0 {
		if _, err := conn.Write(buffer[:n]); err != nil {
			return n, err
		}
	}
	return n, err
}
