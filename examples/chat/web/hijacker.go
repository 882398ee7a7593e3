package web

import (
	"bufio"
	"net"
	"net/http"
)

// hijacker keeps the connection that a WebSocket is made of. Closing that is
// the one thing that ends a close handshake whose other side does not answer.
type hijacker struct {
	http.ResponseWriter
	conn net.Conn // once Hijack was called
}

var _ http.Hijacker = (*hijacker)(nil)

// Hijack is that of the ResponseWriter.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(h.ResponseWriter).Hijack()
	h.conn = conn
	return conn, buffered, err
}
