package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

const (
	// chunk is about how much is collected for one write.
	chunk = 16 << 10

	// maxKept is the largest buffer that a session keeps while it waits.
	maxKept = 4 << 10
)

// errKind is why a client that sends anything but text is sent away.
var errKind = errors.New("the client sent something that is not text")

// session is one client on one WebSocket: read, write, beat and count run on a
// goroutine each.
type session struct {
	door   *Door
	conn   *websocket.Conn
	raw    net.Conn // what conn is made of; closing it ends everything at once
	client *hub.Client

	heard atomic.Uint64 // lines that came
	held  atomic.Bool   // the hub makes the client wait: nothing is read, not even a pong

	bounded sync.Once // the time for the rest runs

	greeted  sync.Once     // the Welcome went out, which is the first message
	welcomed chan struct{} // closed by then
}

// talk lets one client into the hub and serves it until it has left.
func (d *Door) talk(conn *websocket.Conn, raw net.Conn, origin hub.Origin, log *slog.Logger) {
	client, err := d.cfg.Hub.Enter(d.ctx, origin)
	if err != nil {
		log.Warn("client refused", "reason", err)
		d.refuse(conn, raw, err)
		return
	}
	defer client.Close()
	log = log.With("client", client.ID())
	log.Info("client entered", "nick", client.Nick())
	stop := context.AfterFunc(client.Context(), func() { raw.Close() })
	defer stop()

	s := &session{door: d, conn: conn, raw: raw, client: client, welcomed: make(chan struct{})}
	written := make(chan error, 1)
	go func() {
		err := s.write()
		if err != nil {
			raw.Close() // ends read
		}
		written <- err
	}()
	beating, endBeating := context.WithCancel(d.ctx)
	var besides sync.WaitGroup
	for _, does := range []func(context.Context){s.beat, s.count} {
		besides.Add(1)
		go func() {
			defer besides.Done()
			does(beating)
		}()
	}

	readErr := s.read()
	// Does nothing for one that left by /quit, idleness or the hub's will.
	client.Leave(lostWords(readErr), "")
	s.boundRest()
	endBeating()
	writeErr := <-written
	besides.Wait()
	d.logEnd(log, client, readErr, writeErr)
}

// refuse tells somebody who cannot come in why.
func (d *Door) refuse(conn *websocket.Conn, raw net.Conn, reason error) {
	timer := time.AfterFunc(d.cfg.WriteTimeout, func() { raw.Close() })
	defer timer.Stop()
	var b batch
	if b.add(&message{Kind: refused, Text: fmt.Sprintf("Sorry, you cannot come in now: %v.", reason)}) == nil &&
		conn.Write(context.Background(), websocket.MessageText, b.take()) == nil {
		_ = conn.Close(websocket.StatusTryAgainLater, "refused")
	}
}

// logEnd records how it ended. What clients say is not logged.
func (d *Door) logEnd(log *slog.Logger, client *hub.Client, readErr, writeErr error) {
	reason, _ := client.Left()
	attrs := []any{"nick", client.Nick(), "reason", cmp.Or(reason, "hung up")}
	if readErr != nil && !left(readErr) {
		attrs = append(attrs, "read", readErr)
	}
	if writeErr != nil {
		attrs = append(attrs, "write", writeErr)
	}
	log.Info("client left", attrs...)
}

// left tells whether a client's page was closed or left in good order.
func left(err error) bool {
	code := websocket.CloseStatus(err)
	return code == websocket.StatusNormalClosure || code == websocket.StatusGoingAway || code == websocket.StatusNoStatusRcvd
}

// lostWords tells the others how a connection ended that its client did not
// end by /quit.
func lostWords(err error) string {
	if err == nil || left(err) {
		return ""
	}
	return "connection lost"
}

// read hands the client's lines to the hub. It returns nil when the client
// has left, and else what ended the connection.
func (s *session) read() error {
	idleTimeout := cmp.Or(s.door.cfg.IdleTimeout, math.MaxInt64)
	idle := time.AfterFunc(idleTimeout, s.idle)
	defer idle.Stop()
	buf := make([]byte, hub.MaxLine+1)
	for {
		line, err := s.next(buf)
		switch {
		case errors.Is(err, hub.ErrLineTooLong):
		case errors.Is(err, errKind):
			s.client.Leave("connection lost", "")
			_ = s.conn.Close(websocket.StatusUnsupportedData, "text only")
			return err
		case err != nil:
			if _, left := s.client.Left(); left {
				return nil
			}
			return err
		}
		idle.Stop()
		s.heard.Add(1)
		s.held.Store(true)
		if err != nil {
			s.client.Refuse(err)
		} else {
			s.client.Input(string(line))
		}
		s.held.Store(false)
		if _, left := s.client.Left(); left {
			return nil
		}
		idle.Reset(idleTimeout)
	}
}

// next reads a message into buf. One that is too long is thrown away as it
// comes.
func (s *session) next(buf []byte) ([]byte, error) {
	kind, r, err := s.conn.Reader(context.Background())
	if err != nil {
		return nil, err
	}
	if kind != websocket.MessageText {
		return nil, errKind
	}
	n, err := io.ReadFull(r, buf)
	switch {
	case err == io.EOF, err == io.ErrUnexpectedEOF: // themselves, and not wrapped in the loss of the connection
		return buf[:n], nil
	case err != nil:
		return nil, err
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return nil, err
	}
	return nil, hub.ErrLineTooLong
}

// idle sends the client away when its time is up.
func (s *session) idle() {
	after := s.door.cfg.IdleTimeout
	s.client.Leave(fmt.Sprintf("idle for %v", after), fmt.Sprintf("Nothing came from you for %v, so this connection ends. Goodbye.", after))
	s.boundRest()
}

// boundRest gives a client that has left WriteTimeout to take the rest, and
// to answer that the connection ends.
func (s *session) boundRest() {
	s.bounded.Do(func() {
		time.AfterFunc(s.door.cfg.WriteTimeout, func() { s.raw.Close() })
	})
}

// write sends what the hub queues until there is no more, ends the connection
// and returns nil when all of it was sent.
func (s *session) write() error {
	var events []*hub.Event
	var out batch
	for {
		var err error
		events, err = s.client.Next(events)
		if err == io.EOF {
			s.boundRest()
			s.close()
			return nil
		}
		if err != nil {
			return err // the client's context is done, which closes the connection
		}
		for i, e := range events {
			m := newMessage(e, s.client.ID())
			if e.Kind == hub.Welcome {
				m.Limits = &limitsMessage{MaxLine: hub.MaxLine, Heartbeat: s.door.cfg.Heartbeat.Milliseconds()}
			}
			if err := out.add(m); err != nil {
				return err
			}
			if len(out.json) < chunk && i < len(events)-1 {
				continue
			}
			if err := s.send(out.take()); err != nil {
				return err
			}
			s.greeted.Do(func() { close(s.welcomed) })
		}
	}
}

// close ends the connection in good order. The code tells the page whether it
// should come again by itself.
func (s *session) close() {
	code, words := websocket.StatusNormalClosure, "left"
	if reason, _ := s.client.Left(); reason == hub.ReasonShutdown {
		code, words = websocket.StatusGoingAway, "shutdown"
	}
	_ = s.conn.Close(code, words) // fails when the client was faster
}

// send writes one message. When the client does not take it in time, nobody
// is there to read, and the others should know why.
func (s *session) send(text []byte) error {
	timer := time.AfterFunc(s.door.cfg.WriteTimeout, func() {
		s.client.Leave(hub.ErrTooSlow.Error(), "")
		s.raw.Close()
	})
	defer timer.Stop()
	err := s.conn.Write(context.Background(), websocket.MessageText, text)
	if err != nil {
		s.client.Leave("connection lost", "")
	}
	return err
}

// beat shows the client that the server is there, and finds out whether the
// client is, until ctx is done.
func (s *session) beat(ctx context.Context) {
	ticker := time.NewTicker(s.door.cfg.Heartbeat)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if _, left := s.client.Left(); left {
			return
		}
		// A page is not told of pings, so it gets a message as well. When that
		// cannot be sent, neither can what write sends, which then ends it all.
		if s.send([]byte("[]")) != nil {
			return
		}
		heard := s.heard.Load()
		waiting, cancel := context.WithTimeout(ctx, s.door.cfg.WriteTimeout)
		err := s.conn.Ping(waiting)
		cancel()
		// The pong of one that is slowed down waits behind what it has sent.
		if err == nil || s.held.Load() || s.heard.Load() != heard {
			continue
		}
		if ctx.Err() == nil {
			s.client.Leave("connection lost", "")
			s.raw.Close()
		}
		return
	}
}
