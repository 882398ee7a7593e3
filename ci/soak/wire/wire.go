// Package wire is what the load and the server of scripts/soak say to each
// other. Both sides know every byte before it comes.
package wire

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// Greeting is the first thing that a server sends: Hello and its service. A
// client that has it was accepted.
const GreetingSize = 8

var hello = [4]byte{'S', 'O', 'A', 'K'}

// PutGreeting writes the greeting of a service.
func PutGreeting(b []byte, service int) {
	copy(b, hello[:])
	binary.BigEndian.PutUint32(b[4:], uint32(service))
}

// Greeting reads a greeting.
func Greeting(b []byte) (service int, err error) {
	if [4]byte(b) != hello {
		return 0, errors.New("not a greeting")
	}
	return int(binary.BigEndian.Uint32(b[4:])), nil
}

// Mode is what the server does with a connection.
type Mode uint8

const (
	Transfer   Mode = iota + 1 // takes Up bytes, replies, sends Down bytes, closes
	Echo                       // sends back what comes until the end of it, replies, closes
	Panic                      // as Transfer, then panics
	CloseByGIO                 // as Transfer, but GIO code closes
	modes
)

// UntilEnd is an Up that the client ends by closing its half.
const UntilEnd = ^uint64(0)

// Header is what a client sends first.
type Header struct {
	Kind    Kind
	Mode    Mode
	Abandon bool // the client will leave in the middle: no failure of the server's
	Seed    uint64
	Up      uint64 // bytes that the client sends
	Down    uint64 // bytes that it wants
}

// HeaderSize is that of a Header on the wire.
const HeaderSize = 36

var magic = [4]byte{'G', 'S', 'K', '1'}

// ErrGarbage is what was no header.
var ErrGarbage = errors.New("not a header")

// Put writes h.
func (h Header) Put(b []byte) {
	copy(b, magic[:])
	b[4], b[5], b[6], b[7] = byte(h.Kind), byte(h.Mode), 0, 0
	if h.Abandon {
		b[6] = 1
	}
	binary.BigEndian.PutUint64(b[8:], h.Seed)
	binary.BigEndian.PutUint64(b[16:], h.Up)
	binary.BigEndian.PutUint64(b[24:], h.Down)
	binary.BigEndian.PutUint32(b[32:], crc32.ChecksumIEEE(b[:32]))
}

// ReadHeader reads a header; ErrGarbage when it is none.
func ReadHeader(b []byte) (Header, error) {
	if [4]byte(b) != magic || binary.BigEndian.Uint32(b[32:]) != crc32.ChecksumIEEE(b[:32]) ||
		Kind(b[4]) >= Kinds || b[5] == 0 || Mode(b[5]) >= modes {
		return Header{}, ErrGarbage
	}
	return Header{
		Kind: Kind(b[4]), Mode: Mode(b[5]), Abandon: b[6] == 1,
		Seed: binary.BigEndian.Uint64(b[8:]),
		Up:   binary.BigEndian.Uint64(b[16:]),
		Down: binary.BigEndian.Uint64(b[24:]),
	}, nil
}

// Reply is what the server tells about what came.
type Reply struct {
	Bytes uint64
	CRC   uint32
}

// ReplySize is that of a Reply on the wire.
const ReplySize = 16

// Put writes r.
func (r Reply) Put(b []byte) {
	binary.BigEndian.PutUint64(b, r.Bytes)
	binary.BigEndian.PutUint32(b[8:], r.CRC)
	binary.BigEndian.PutUint32(b[12:], crc32.ChecksumIEEE(b[:12]))
}

// ReadReply reads a reply.
func ReadReply(b []byte) (Reply, error) {
	if binary.BigEndian.Uint32(b[12:]) != crc32.ChecksumIEEE(b[:12]) {
		return Reply{}, errors.New("not a reply")
	}
	return Reply{Bytes: binary.BigEndian.Uint64(b), CRC: binary.BigEndian.Uint32(b[8:])}, nil
}
