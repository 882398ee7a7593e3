//go:build linux

package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/glibserve/glibserve/ci/soak/server"
	"github.com/glibserve/glibserve/ci/soak/wire"
)

// patience is how long a client waits for anything: far longer than any pause
// of the server's, so what takes longer is lost.
const patience = 90 * time.Second

// bindAddressNoPort is IP_BIND_ADDRESS_NO_PORT: connect chooses the port, which
// knows both addresses, so that ports in TIME_WAIT do not run out.
const bindAddressNoPort = 24

var errGivenUp = errors.New("the load is over")

// dial connects, and tries again when the service is closed or its queue full:
// the kernel has not accepted such a client.
func (w *worker) dial(p server.Place, receiveBuffer int) (net.Conn, entry, error) {
	d := net.Dialer{Timeout: patience, KeepAlive: -1}
	if p.Network == "tcp4" {
		d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 2, byte(w.random.IntN(64)), byte(1+w.random.IntN(64)))}
	}
	d.Control = func(_, _ string, raw syscall.RawConn) error {
		var err error
		cerr := raw.Control(func(fd uintptr) {
			if p.Network == "tcp4" {
				err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, bindAddressNoPort, 1)
			}
			if receiveBuffer > 0 && err == nil {
				err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, receiveBuffer)
			}
		})
		return errors.Join(cerr, err)
	}
	for {
		e := w.load.gates[p.Service].enter()
		c, err := d.DialContext(context.Background(), p.Network, p.Address)
		if err == nil {
			if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
				return nil, e, err
			}
			if p.Authority != nil && w.kind != wire.Stalled {
				c, err = handshake(c, p.Authority)
			}
			return c, e, err
		}
		refused := errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNRESET)
		full := errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EADDRNOTAVAIL)
		excused := refused && w.load.gates[p.Service].excuses(e, false)
		if !full && !excused {
			return nil, e, err
		}
		w.counts[w.kind].Retried++
		select {
		case <-time.After(time.Duration(1+w.random.IntN(5)) * time.Millisecond):
		case <-w.load.hurried():
			return nil, e, errGivenUp
		}
	}
}

// visit is one connection of a client.
type visit struct {
	w       *worker
	place   server.Place
	kind    wire.Kind
	conn    net.Conn
	entry   entry
	greeted bool
	count   wire.Count
}

var errCorrupt = errors.New("wrong bytes came")

// visit connects, has f talk, and counts how it went.
func (w *worker) visit(kind wire.Kind, p server.Place, receiveBuffer int, f func(v *visit) error) {
	v := visit{w: w, place: p, kind: kind}
	w.kind = kind
	var err error
	v.conn, v.entry, err = w.dial(p, receiveBuffer)
	if errors.Is(err, errGivenUp) {
		return
	}
	v.count.Conns = 1
	w.load.begun.Add(1)
	if err == nil {
		w.load.here.Add(1)
		err = f(&v)
		_ = v.conn.Close()
		w.load.here.Add(-1)
	}
	w.load.moved.Add(v.count.Up + v.count.Down)
	switch {
	case err == nil:
		v.count.Done = 1
	case errors.Is(err, errCorrupt):
		v.count.Corrupt = 1
		w.load.note(v, err)
	case w.load.gates[p.Service].excuses(v.entry, v.greeted):
		v.count.Excused = 1
	default:
		v.count.Lost = 1
		w.load.note(v, err)
	}
	w.counts[kind].Add(v.count)
}

// note keeps the first failures for the summary.
func (l *load) note(v visit, err error) {
	l.failed.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.wrong) < 20 {
		state := "not greeted"
		if v.greeted {
			state = "greeted"
		}
		l.wrong = append(l.wrong, fmt.Sprintf("client: %v on service %s at %s (%s, %d bytes sent, %d taken): %v",
			v.kind, v.place.Name, v.place.Address, state, v.count.Up, v.count.Down, err))
	}
}
