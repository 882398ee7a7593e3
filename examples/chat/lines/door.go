// Package lines is the door by which people with a terminal come into the
// chat: lines of text on any net.Conn, as nc and telnet send them.
package lines

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

// Config is what a door can be told. Hub is required.
type Config struct {
	Hub *hub.Hub

	// IdleTimeout ends the connection of a client that completes no line for
	// so long. Single bytes do not count, or a client could hold its place
	// for ever with one now and then. 0: never.
	IdleTimeout time.Duration

	// WriteTimeout is how long a client may take to accept one write, which
	// is 16 KiB or the history of a room, and, once it has left, all that is
	// still queued for it. 0: 10 s.
	WriteTimeout time.Duration

	Logger *slog.Logger // nil: slog.Default()
}

// Door lets clients on stream connections into a hub.
type Door struct {
	cfg Config
}

// New makes a door.
func New(cfg Config) *Door {
	if cfg.WriteTimeout == 0 {
		cfg.WriteTimeout = 10 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &Door{cfg: cfg}
}

// Serve talks with one client until it has left and everything that was
// queued for it is sent, or cannot be sent. It closes conn when ctx is done
// or the hub drops the client; otherwise that is left to the caller, after
// Serve returned. Serve starts one goroutine, which is gone when it returns.
func (d *Door) Serve(ctx context.Context, conn net.Conn, origin hub.Origin) {
	log := d.cfg.Logger.With("door", origin.Door, "remote", remote(conn, origin))
	origin.LocalEcho = true // as every terminal in line mode has
	client, err := d.cfg.Hub.Enter(ctx, origin)
	if err != nil {
		log.Warn("client refused", "reason", err)
		d.refuse(conn, err)
		return
	}
	defer client.Close()
	log = log.With("client", client.ID())
	log.Info("client entered", "nick", client.Nick())

	// A closed connection is what ends a Write to a peer that does not read.
	stop := context.AfterFunc(client.Context(), func() { conn.Close() })
	defer stop()

	s := &session{door: d, conn: conn, client: client}
	written := make(chan error, 1)
	go func() {
		err := s.write()
		s.endReading()
		written <- err
	}()
	readErr := s.read()
	// Does nothing for one that left by /quit, idleness or the hub's will.
	client.Leave(lostWords(readErr), "")
	s.boundFlush()
	writeErr := <-written

	d.logEnd(log, client, readErr, writeErr)
	if writeErr == nil && readErr != io.EOF {
		linger(conn)
	}
}

// logEnd records how it ended. What clients say is not logged.
func (d *Door) logEnd(log *slog.Logger, client *hub.Client, readErr, writeErr error) {
	reason, _ := client.Left()
	attrs := []any{"nick", client.Nick(), "reason", cmp.Or(reason, "hung up")}
	if readErr != nil && readErr != io.EOF {
		attrs = append(attrs, "read", readErr)
	}
	if writeErr != nil {
		attrs = append(attrs, "write", writeErr)
	}
	log.Info("client left", attrs...)
}

// refuse tells somebody who cannot come in why.
func (d *Door) refuse(conn net.Conn, reason error) {
	if conn.SetWriteDeadline(time.Now().Add(d.cfg.WriteTimeout)) != nil {
		return
	}
	if _, err := fmt.Fprintf(conn, "! Sorry, you cannot come in now: %v. Please try again later.\n", reason); err == nil {
		linger(conn)
	}
}

const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 256 << 10
)

// linger ends a connection so that the last words arrive. Closing a TCP
// connection on which unread bytes have come makes the kernel send a reset,
// and a reset makes the peer's kernel throw away what it had not yet handed
// to its program. So this sends the end of the stream and reads on, for a
// short time, until the peer has ended too.
func linger(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		return
	}
	if conn.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.CopyN(io.Discard, conn, lingerBytes)
	}
}

// lostWords tells the others how a connection ended that its client did not
// end by /quit.
func lostWords(err error) string {
	if err == io.EOF || err == nil {
		return ""
	}
	return "connection lost"
}

// remote names the peer for the log. Those on a Unix socket have no address.
func remote(conn net.Conn, origin hub.Origin) string {
	if addr := conn.RemoteAddr(); addr != nil && addr.Network() != "unix" {
		return addr.String()
	}
	return origin.Host
}
