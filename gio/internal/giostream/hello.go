package giostream

import (
	"fmt"
	"sync"
	"syscall"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/netfd"
)

// A TLS client speaks first, and says all of its first message, the ClientHello,
// without an answer. So a server's handshake takes a thread only once that is there,
// and none for what is no TLS.

const (
	recordHeader  = 5
	messageHeader = 4
	maxFragment   = 1<<14 + 2048 // of a record, with what encryption may add
	maxHello      = 64 << 10     // longer ones are refused; usual are 200 to 2000 bytes

	// helloBuffer is as much as is looked at. Of a longer ClientHello the rest is
	// left to GIO.
	helloBuffer = 16 << 10
)

const (
	recordHandshake = 22
	recordMajor     = 3
	clientHello     = 1
)

// checkHello tells whether b, what a peer has sent so far, has a whole ClientHello in
// it, over one record or several. An error says why it cannot become one.
func checkHello(b []byte) (whole bool, err error) {
	var header [messageHeader]byte // of the message; it may be split as well
	have, need := 0, messageHeader
	for at := 0; ; {
		left := b[at:]
		// Each byte is judged as soon as it is there.
		switch {
		case len(left) > 0 && left[0] != recordHandshake, len(left) > 1 && left[1] != recordMajor:
			return false, noTLS(b)
		case len(left) < recordHeader:
			return false, nil
		}
		size := int(left[3])<<8 | int(left[4])
		if size == 0 || size > maxFragment {
			return false, noTLS(b)
		}
		body := left[recordHeader:min(recordHeader+size, len(left))]
		if have < messageHeader {
			n := copy(header[have:], body)
			if have == 0 && n > 0 && header[0] != clientHello {
				return false, noTLS(b)
			}
			if have+n == messageHeader {
				need += int(header[1])<<16 | int(header[2])<<8 | int(header[3])
				if need > maxHello {
					return false, tlsError(native.CodeTLSHandshake, "a ClientHello of %d bytes is refused", need)
				}
			}
		}
		if have += len(body); have >= messageHeader && have >= need {
			return true, nil
		}
		if len(body) < size {
			return false, nil
		}
		at += recordHeader + size
	}
}

func tlsError(code int, format string, args ...any) error {
	return &native.Error{Domain: native.TLSDomain, Code: code, Message: fmt.Sprintf(format, args...)}
}

func noTLS(b []byte) error {
	return tlsError(native.CodeTLSNotTLS, "the peer does not speak TLS: it sent %q", b[:min(len(b), 16)])
}

// errHungUp is for a peer that ended before its handshake began. It is an
// io.ErrUnexpectedEOF, as what GIO says of the end of a TLS connection.
func errHungUp(when string) error {
	return tlsError(native.CodeTLSEOF, "the peer hung up %s", when)
}

var helloBuffers = sync.Pool{New: func() any { return new([helloBuffer]byte) }}

// lookForHello tells whether a whole ClientHello has arrived at a socket. It takes
// nothing and does not wait.
func lookForHello(fd int) (whole bool, err error) {
	b := helloBuffers.Get().(*[helloBuffer]byte)
	defer helloBuffers.Put(b)
	n, err := netfd.Peek(fd, b[:])
	switch {
	case err == syscall.EAGAIN:
		return false, nil
	case err != nil:
		return false, netfd.ErrnoError("recv", err.(syscall.Errno))
	case n == 0:
		return false, errHungUp("before its handshake")
	}
	if whole, err = checkHello(b[:n]); whole || err != nil {
		return whole, err
	}
	if netfd.Gone(fd) {
		if err := netfd.SocketError(fd); err != nil {
			return false, err
		}
		return false, errHungUp("in the middle of its ClientHello")
	}
	// What the socket has no room for would never come, and of a Unix socket one look
	// sees no further than to a change of credentials.
	if n == len(b) || n >= netfd.ReceiveBuffer(fd)/4 {
		return true, nil
	}
	if netfd.Arrived(fd) > n {
		again, err := netfd.Peek(fd, b[:])
		return err == nil && again == n, nil // else more has come, which is told of
	}
	return false, nil
}
