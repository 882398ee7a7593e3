package giostream

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio/internal/native"
)

// record wraps a fragment.
func record(fragment []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{recordHandshake, recordMajor, 1}, uint16(len(fragment)))
	return append(b, fragment...)
}

// message is a ClientHello whose body has n bytes.
func message(n int) []byte {
	return append([]byte{clientHello, byte(n >> 16), byte(n >> 8), byte(n)}, make([]byte, n)...)
}

// split puts a message into records of n bytes.
func split(message []byte, n int) (b []byte) {
	for len(message) > 0 {
		n = min(n, len(message))
		b = append(b, record(message[:n])...)
		message = message[n:]
	}
	return b
}

func TestClientHelloIsWholeWithItsLastByte(t *testing.T) {
	for name, b := range map[string][]byte{
		"in one record":            record(message(300)),
		"of records of 100":        split(message(300), 100),
		"of records of one byte":   split(message(300), 1),
		"of records of three":      split(message(300), 3),
		"empty":                    record(message(0)),
		"longer than a record":     split(message(40_000), 1<<14),
		"the longest":              split(message(maxHello-messageHeader), 1<<14),
		"of SSL 3.0's version":     append([]byte{22, 3, 0}, record(message(9))[3:]...),
		"of a version yet to come": append([]byte{22, 3, 99}, record(message(9))[3:]...),
	} {
		t.Run(name, func(t *testing.T) {
			for n := range b {
				whole, err := checkHello(b[:n])
				require.NoError(t, err, n)
				require.False(t, whole, n)
			}
			for _, more := range []string{"", "\x16", "what comes behind it is not looked at"} {
				whole, err := checkHello(append(bytes.Clone(b), more...))
				require.NoError(t, err)
				require.True(t, whole)
			}
		})
	}
}

func TestWhatIsNoTLSIsRefusedWithTheByteThatTells(t *testing.T) {
	for _, c := range []struct {
		says string
		at   int // how many bytes are enough
		code int
		text string
	}{
		{"GET / HTTP/1.0\r\n\r\n", 1, native.CodeTLSNotTLS, `the peer does not speak TLS: it sent "GET / HTTP/1.0\r\n"`},
		{"\x00", 1, native.CodeTLSNotTLS, "does not speak TLS"},
		{"\x15\x03\x01\x00\x02\x02\x28", 1, native.CodeTLSNotTLS, "does not speak TLS"}, // an alert
		{"\x80\x2e\x01\x03\x01", 1, native.CodeTLSNotTLS, "does not speak TLS"},         // SSL 2.0
		{"\x16\x02", 2, native.CodeTLSNotTLS, "does not speak TLS"},
		{"\x16\x03\x01\x00\x00", 5, native.CodeTLSNotTLS, "does not speak TLS"},     // an empty record
		{"\x16\x03\x01\xff\xff", 5, native.CodeTLSNotTLS, "does not speak TLS"},     // too long a one
		{"\x16\x03\x01\x00\x04\x02", 6, native.CodeTLSNotTLS, "does not speak TLS"}, // a ServerHello
		{"\x16\x03\x01\x00\x04\x01\x01\x00\x00", 9, native.CodeTLSHandshake, "65540 bytes is refused"},
		{"\x16\x03\x01\x00\x01\x01\x17", 7, native.CodeTLSNotTLS, "does not speak TLS"}, // its second record is another kind
	} {
		for n := range c.at {
			whole, err := checkHello([]byte(c.says[:n]))
			require.NoError(t, err, "%q", c.says[:n])
			require.False(t, whole)
		}
		for n := c.at; n <= len(c.says); n++ {
			_, err := checkHello([]byte(c.says[:n]))
			var e *native.Error
			require.ErrorAs(t, err, &e, "%q", c.says[:n])
			require.Equal(t, native.TLSDomain, e.Domain)
			require.Equal(t, c.code, e.Code)
		}
		_, err := checkHello([]byte(c.says))
		require.ErrorContains(t, err, c.text)
	}
}

func TestClientHelloOfGosClientIsOne(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	go func() {
		_ = tls.Client(near, &tls.Config{ServerName: strings.Repeat("x", 60) + ".test"}).Handshake()
		_ = near.Close()
	}()
	require.NoError(t, far.SetDeadline(time.Now().Add(20*time.Second)))
	b := make([]byte, 16<<10)
	n, err := far.Read(b)
	require.NoError(t, err)
	whole, err := checkHello(b[:n])
	require.NoError(t, err)
	require.True(t, whole)
	whole, err = checkHello(b[:n-1])
	require.NoError(t, err)
	require.False(t, whole)
}

func TestHungUpIsAnUnexpectedEnd(t *testing.T) {
	require.ErrorIs(t, errHungUp("now"), io.ErrUnexpectedEOF)
}

// FuzzClientHello holds the parser to what its callers build on: it goes by what is
// there, so more bytes change no answer but "not yet".
func FuzzClientHello(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.0\r\n"))
	f.Add(record(message(10)))
	f.Add(split(message(10), 3))
	f.Add([]byte{22, 3, 1, 0, 4, 1, 1, 0, 0})
	f.Add([]byte{22, 3, 1, 0, 1, 1, 22, 3, 1, 0, 3, 0, 0, 1, 22, 3, 3, 0, 1, 7})
	f.Fuzz(func(t *testing.T, b []byte) {
		var was bool
		var wasErr error
		for n := 0; n <= len(b) && n < 200; n++ {
			whole, err := checkHello(b[:n:n])
			if whole && err != nil {
				t.Fatal("whole and refused", err)
			}
			if was && !whole || wasErr != nil && err == nil {
				t.Fatalf("%d bytes: %v, %v; one fewer: %v, %v", n, whole, err, was, wasErr)
			}
			was, wasErr = whole, err
		}
		_, _ = checkHello(b)
	})
}
