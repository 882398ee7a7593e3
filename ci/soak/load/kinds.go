//go:build linux

package load

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/glibserve/glibserve/ci/soak/server"
	"github.com/glibserve/glibserve/ci/soak/wire"
)

// weights say how often each kind comes.
var weights = [wire.Kinds]int{
	wire.Short: 40, wire.Long: 8, wire.Bulk: 2, wire.HalfClose: 8, wire.SlowRead: 5, wire.SlowWrite: 5, wire.Idle: 4,
	wire.Flood: 1, wire.Doomed: 4, wire.Silent: 4, wire.Garbage: 4, wire.Reset: 6, wire.Vanish: 6, wire.Stalled: 3, wire.Underneath: 4,
}

// one is one client of a kind, or a burst of them.
func (w *worker) one(kind wire.Kind, p server.Place) {
	r := w.random
	switch kind {
	case wire.Short:
		w.visit(kind, p, 0, func(v *visit) error { return v.transfer(wire.Transfer, r.IntN(4096), r.IntN(4096)) })
	case wire.Doomed:
		w.visit(kind, p, 0, func(v *visit) error { return v.transfer(wire.Panic, r.IntN(4096), r.IntN(4096)) })
	case wire.Underneath:
		w.visit(kind, p, 0, func(v *visit) error { return v.transfer(wire.CloseByGIO, r.IntN(4096), r.IntN(4096)) })
	case wire.Bulk:
		w.visit(kind, p, 0, func(v *visit) error { return v.transfer(wire.Transfer, 1+r.IntN(4<<20), 1+r.IntN(4<<20)) })
	case wire.HalfClose:
		w.visit(kind, p, 0, (*visit).halfClose)
	case wire.SlowRead:
		w.visit(kind, p, 4<<10, (*visit).slowRead)
	case wire.SlowWrite:
		w.visit(kind, p, 0, (*visit).slowWrite)
	case wire.Long:
		w.visit(kind, p, 0, func(v *visit) error { return v.echo(10+r.IntN(100), 0) })
	case wire.Idle:
		w.visit(kind, p, 0, func(v *visit) error { return v.echo(3, time.Duration(500+r.IntN(3000))*time.Millisecond) })
	case wire.Flood:
		w.flood(p)
	case wire.Silent:
		w.visit(kind, p, 0, func(v *visit) error {
			if r.IntN(2) == 0 {
				return nil
			}
			return v.greeting()
		})
	case wire.Garbage:
		w.visit(kind, p, 0, (*visit).garbage)
	case wire.Reset:
		w.visit(kind, p, 0, func(v *visit) error { return v.leave(true) })
	case wire.Vanish:
		w.visit(kind, p, 0, func(v *visit) error { return v.leave(false) })
	case wire.Stalled:
		w.visit(kind, p, 0, (*visit).stall)
	}
}

func (v *visit) header(mode wire.Mode, up, down uint64) wire.Header {
	return wire.Header{Kind: v.kind, Mode: mode, Seed: v.w.random.Uint64(), Up: up, Down: down}
}

// transfer sends, has the reply, takes, and sees the end. Half of them speak
// before they are greeted, as most clients in the world do.
func (v *visit) transfer(mode wire.Mode, up, down int) error {
	h := v.header(mode, uint64(up), uint64(down))
	s := h.UpStream()
	first := v.w.random.IntN(2) == 0
	if !first {
		if err := v.greeting(); err != nil {
			return err
		}
	}
	if err := v.say(h, s, min(up, 4096)); err != nil {
		return err
	}
	if err := v.pour(s, up-min(up, 4096), bufferSize, atOnce); err != nil {
		return err
	}
	if first {
		if err := v.greeting(); err != nil {
			return err
		}
	}
	return v.rest(h, s, bufferSize, atOnce)
}

// rest is what the server owes once all is sent.
func (v *visit) rest(h wire.Header, up *wire.Stream, piece int, pause func()) error {
	if err := v.reply(up); err != nil {
		return err
	}
	if err := v.drink(h.DownStream(), int(h.Down), piece, pause); err != nil {
		return err
	}
	return v.end()
}

func (v *visit) halfClose() error {
	h := v.header(wire.Transfer, wire.UntilEnd, uint64(v.w.random.IntN(256<<10)))
	s := h.UpStream()
	if err := v.greeting(); err != nil {
		return err
	}
	if err := v.say(h, s, v.w.random.IntN(4096)); err != nil {
		return err
	}
	if err := v.pour(s, v.w.random.IntN(256<<10), bufferSize, atOnce); err != nil {
		return err
	}
	if err := closeWrite(v.conn); err != nil {
		return err
	}
	return v.rest(h, s, bufferSize, atOnce)
}

func (v *visit) slowRead() error {
	h := v.header(wire.Transfer, 0, uint64(64<<10+v.w.random.IntN(448<<10)))
	s := h.UpStream()
	if err := v.greeting(); err != nil {
		return err
	}
	if err := v.say(h, s, 0); err != nil {
		return err
	}
	return v.rest(h, s, 16<<10, v.pauses(10*time.Millisecond))
}

func (v *visit) slowWrite() error {
	n := 2<<10 + v.w.random.IntN(14<<10)
	h := v.header(wire.Transfer, uint64(n), uint64(n))
	s := h.UpStream()
	if err := v.greeting(); err != nil {
		return err
	}
	var head [wire.HeaderSize]byte
	h.Put(head[:])
	for i := range head { // byte by byte
		if err := v.send(head[i:i+1], 0); err != nil {
			return err
		}
	}
	if err := v.pour(s, n, 100+v.w.random.IntN(500), v.pauses(5*time.Millisecond)); err != nil {
		return err
	}
	return v.rest(h, s, bufferSize, atOnce)
}

// echo is rounds of echo, after a rest. Those that take long come to an end
// when the service is about to be closed.
func (v *visit) echo(rounds int, idle time.Duration) error {
	h := v.header(wire.Echo, wire.UntilEnd, 0)
	up, down := h.UpStream(), h.UpStream()
	if err := v.greeting(); err != nil {
		return err
	}
	if err := v.say(h, up, 0); err != nil {
		return err
	}
	if idle > 0 {
		select {
		case <-time.After(idle):
		case <-v.entry.hurry:
		case <-v.w.load.hurried():
		}
	}
	for range rounds {
		n := 1 + v.w.random.IntN(8<<10)
		if err := v.pour(up, n, n, atOnce); err != nil {
			return err
		}
		if err := v.drink(down, n, n, atOnce); err != nil {
			return err
		}
		select {
		case <-v.entry.hurry:
			rounds = 0
		case <-v.w.load.hurried():
			rounds = 0
		default:
		}
		if rounds == 0 {
			break
		}
	}
	if err := closeWrite(v.conn); err != nil {
		return err
	}
	if err := v.reply(up); err != nil {
		return err
	}
	return v.end()
}

// garbage sends what is no header and wants to be sent away.
func (v *visit) garbage() error {
	if err := v.greeting(); err != nil {
		return err
	}
	b := v.w.buffer[:wire.HeaderSize+v.w.random.IntN(2000)]
	for i := range b {
		b[i] = byte(v.w.random.Uint32())
	}
	_, err := v.conn.Write(b)
	for err == nil {
		_, err = v.conn.Read(b)
	}
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		return fmt.Errorf("garbage was not sent away: %w", err)
	}
	return nil // an end or a reset: bytes of it may have been unread
}

// leave goes away in the middle: before anything, in the middle of sending, or
// with bytes unread. With reset the kernel says so at once (SO_LINGER 0).
func (v *visit) leave(reset bool) error {
	if reset {
		below := v.conn
		if t, ok := below.(*tls.Conn); ok {
			below = t.NetConn()
		}
		if t, ok := below.(*net.TCPConn); ok {
			if err := t.SetLinger(0); err != nil {
				return err
			}
		}
	}
	if v.w.random.IntN(3) == 0 {
		return nil
	}
	if err := v.greeting(); err != nil {
		return err
	}
	n := v.w.random.IntN(32 << 10)
	h := v.header(wire.Transfer, uint64(n)*uint64(1+v.w.random.IntN(2)), uint64(v.w.random.IntN(1<<20)))
	h.Abandon = true
	s := h.UpStream()
	if err := v.say(h, s, 0); err != nil {
		return err
	}
	if err := v.pour(s, n, bufferSize, atOnce); err != nil {
		return err
	}
	if h.Up == uint64(n) && h.Down > 0 { // it answers: take some of it
		if err := v.reply(s); err != nil {
			return err
		}
		return v.drink(h.DownStream(), 1+v.w.random.IntN(int(h.Down)), bufferSize, atOnce)
	}
	return nil
}

// flood is many connects at the same time, each of which must be served.
func (w *worker) flood(p server.Place) {
	var all sync.WaitGroup
	burst := make([]*worker, 50+w.random.IntN(150))
	for i := range burst {
		burst[i] = newWorker(w.load, w.random.Uint64())
		all.Add(1)
		go func() {
			defer all.Done()
			r := burst[i].random
			burst[i].visit(wire.Flood, p, 0, func(v *visit) error { return v.transfer(wire.Transfer, r.IntN(1024), r.IntN(1024)) })
		}()
	}
	all.Wait()
	for _, b := range burst {
		w.counts[wire.Flood].Add(b.counts[wire.Flood])
	}
}

func closeWrite(c net.Conn) error {
	half, ok := c.(interface{ CloseWrite() error })
	if !ok {
		return io.ErrClosedPipe
	}
	return half.CloseWrite()
}
