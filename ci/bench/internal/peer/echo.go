package peer

import (
	"bufio"
	"io"
)

// Echoes are the handlers of echo, as people write them. A peer in Go runs the
// same function, whatever its connections are.
var Echoes = map[string]Work{
	"1k":    func(conn io.ReadWriter) error { return echoBy(conn, 1<<10) },
	"64k":   func(conn io.ReadWriter) error { return echoBy(conn, 64<<10) },
	"bufio": echoBufio,
	"copy":  echoCopy,
}

// EchoNames are the handlers, and what each is in a sentence.
var EchoNames = []struct{ Name, About string }{
	{"1k", "a loop of Read and Write with a buffer of 1 KiB that is made for each connection"},
	{"64k", "the same with 64 KiB"},
	{"bufio", "a bufio.Reader and a bufio.Writer of 4 KiB, flushed when there is nothing left to read without waiting"},
	{"copy", "io.Copy(conn, conn)"},
}

// echoBy is the loop in every tutorial: a buffer for each connection.
func echoBy(conn io.ReadWriter, size int) error {
	buffer := make([]byte, size)
	for {
		n, err := conn.Read(buffer)
		if n > 0 {
			if _, err := conn.Write(buffer[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

func echoBufio(conn io.ReadWriter) error {
	r, w := bufio.NewReader(conn), bufio.NewWriter(conn)
	for {
		if _, err := r.Peek(1); err != nil {
			return err
		}
		if _, err := io.CopyN(w, r, int64(r.Buffered())); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
}

func echoCopy(conn io.ReadWriter) error {
	_, err := io.Copy(conn, conn)
	return err
}
