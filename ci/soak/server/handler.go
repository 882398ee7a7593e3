//go:build linux

package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/glibserve/glibserve/ci/soak/wire"
)

// patience is how long one connection may take; the slowest load is far below.
const patience = 90 * time.Second

var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// visit is one connection in the hands of a handler.
type visit struct {
	server  *Server
	conn    net.Conn
	header  wire.Header
	greeted bool // it has been sent the greeting
	count   wire.Count
	buffer  []byte
}

var errCorrupt = errors.New("wrong bytes came")

// handle serves a connection: it greets, reads what the client wants, and does it.
func (s *Server) handle(o *opening, c net.Conn) {
	s.active.Add(1)
	defer s.active.Add(-1)
	buffer := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buffer)
	v := visit{server: s, conn: c, buffer: buffer[:]}
	v.header.Kind = wire.Silent // until it says a word
	err := v.serve(o)
	v.count.Conns = 1
	switch {
	case err == nil:
		v.count.Done = 1
	case errors.Is(err, errCorrupt):
		v.count.Corrupt = 1
		s.wrong.add(fmt.Sprintf("server: %v on service %s: %v", v.header.Kind, o.name, err))
	case o.tls != nil && !v.greeted:
		v.count.Done = 1 // no handshake: whether there should have been one the client knows
	case gone(err) && (v.header.Abandon || v.header.Kind == wire.Silent || v.header.Kind == wire.Garbage):
		v.count.Done = 1 // the client's own way to leave
	case o.closing.Load():
		v.count.Excused = 1
	default:
		v.count.Lost = 1
		s.wrong.add(fmt.Sprintf("server: %v on service %s: %v", v.header.Kind, o.name, err))
	}
	s.mu.Lock()
	s.counts[v.header.Kind].Add(v.count)
	s.mu.Unlock()
	if err == nil && v.header.Mode == wire.Panic {
		panic(meant)
	}
}

// gone tells whether err is what a handler sees of a client that left, or that
// sent no header.
func gone(err error) bool {
	for _, reason := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, wire.ErrGarbage} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}

func (v *visit) serve(o *opening) error {
	if err := v.conn.SetDeadline(time.Now().Add(patience)); err != nil && !enough(err) {
		return err
	}
	var head [wire.HeaderSize]byte
	wire.PutGreeting(head[:], o.id)
	if err := v.write(head[:wire.GreetingSize]); err != nil {
		return err
	}
	v.greeted = true
	for n := 0; n < len(head); {
		got, err := v.read(head[n:])
		if n += got; n > 0 {
			v.header.Kind = wire.Garbage // until it is a header
		}
		if err != nil && n < len(head) {
			return err
		}
	}
	h, err := wire.ReadHeader(head[:])
	if err != nil {
		return err
	}
	v.header = h
	if err := v.server.sabotage.begin(v.conn); err != nil {
		return err
	}
	if h.Mode == wire.Echo {
		return v.echo()
	}
	return v.transfer()
}

// echo sends back what comes, until that is all or the client ends its half.
func (v *visit) echo() error {
	up, bad := v.header.UpStream(), v.server.sabotage.corrupts()
	for {
		n, err := v.read(v.buffer[:min(uint64(len(v.buffer)), v.header.Up-up.Reply().Bytes)])
		if !up.Check(v.buffer[:n]) {
			return fmt.Errorf("%w, after %d that were right", errCorrupt, up.Reply().Bytes)
		}
		v.count.Up += uint64(n)
		if bad && n > 0 {
			v.buffer[n/2] ^= 4
		}
		if werr := v.write(v.buffer[:n]); werr != nil {
			return werr
		}
		v.count.Down += uint64(n)
		if up.Reply().Bytes == v.header.Up || err == io.EOF && v.header.Up == wire.UntilEnd {
			return v.reply(up)
		}
		if err == io.EOF {
			return fmt.Errorf("%d bytes came of %d: %w", up.Reply().Bytes, v.header.Up, io.ErrUnexpectedEOF)
		}
		if err != nil {
			return err
		}
	}
}

// transfer takes all that the client sends, then sends what it wants.
func (v *visit) transfer() error {
	up := v.header.UpStream()
	for up.Reply().Bytes < v.header.Up {
		n, err := v.read(v.buffer[:min(uint64(len(v.buffer)), v.header.Up-up.Reply().Bytes)])
		if !up.Check(v.buffer[:n]) {
			return fmt.Errorf("%w, after %d that were right", errCorrupt, up.Reply().Bytes)
		}
		v.count.Up += uint64(n)
		if err == io.EOF && v.header.Up == wire.UntilEnd {
			break
		}
		if err == io.EOF {
			return fmt.Errorf("%d bytes came of %d: %w", up.Reply().Bytes, v.header.Up, io.ErrUnexpectedEOF)
		}
		if err != nil {
			return err
		}
	}
	if err := v.reply(up); err != nil {
		return err
	}
	down, bad := v.header.DownStream(), v.server.sabotage.corrupts()
	for v.count.Down < v.header.Down {
		b := v.buffer[:min(uint64(len(v.buffer)), v.header.Down-v.count.Down)]
		down.Fill(b)
		if bad {
			b[len(b)/2] ^= 4
		}
		if err := v.write(b); err != nil {
			return err
		}
		v.count.Down += uint64(len(b))
	}
	if v.header.Mode == wire.CloseByGIO {
		return v.closeByGIO()
	}
	if half, ok := v.conn.(interface{ CloseWrite() error }); ok && v.header.Kind == wire.HalfClose {
		err := half.CloseWrite()
		for v.again(err) {
			err = half.CloseWrite()
		}
		return err
	}
	return nil
}

func (v *visit) reply(up *wire.Stream) error {
	var b [wire.ReplySize]byte
	up.Reply().Put(b[:])
	return v.write(b[:])
}

// enough tells whether err is the want of a descriptor, which an operation that
// must wait needs: as any program would, the handler tries again.
func enough(err error) bool { return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) }

func (v *visit) read(b []byte) (int, error) {
	for {
		n, err := v.conn.Read(b)
		if n > 0 || !v.again(err) {
			return n, err
		}
	}
}

func (v *visit) write(b []byte) error {
	for {
		n, err := v.conn.Write(b)
		if err == nil || !v.again(err) {
			return err
		}
		b = b[n:]
	}
}

func (v *visit) again(err error) bool {
	if err == nil || !enough(err) {
		return false
	}
	v.server.retries.Add(1)
	time.Sleep(2 * time.Millisecond)
	return true
}
