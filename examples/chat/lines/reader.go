package lines

import (
	"bufio"
	"errors"
	"io"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

// reader takes lines out of a stream. It never holds more than one line of
// the longest that is allowed: what is longer is thrown away as it comes.
type reader struct {
	buffered *bufio.Reader
}

func newReader(r io.Reader) *reader {
	// Room for the longest line and the CRLF behind it.
	return &reader{bufio.NewReaderSize(r, hub.MaxLine+len("\r\n"))}
}

// next returns the next line without its end, which is LF or, as telnet sends
// it, CRLF. For one that is too long it returns hub.ErrLineTooLong, after it
// was read to its end; the line after it can then be read. A last line that
// lacks its end counts when the stream ended in good order, since a person
// who pipes text in means it. The bytes are valid until the next call.
func (r *reader) next() ([]byte, error) {
	line, err := r.buffered.ReadSlice('\n')
	tooLong := errors.Is(err, bufio.ErrBufferFull)
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.buffered.ReadSlice('\n')
	}
	switch {
	case err == io.EOF && (tooLong || len(line) > 0):
		// The next call reports the end.
	case err != nil:
		return nil, err
	}
	line = trimEnd(line)
	if tooLong || len(line) > hub.MaxLine {
		return nil, hub.ErrLineTooLong
	}
	return line, nil
}

func trimEnd(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line
}
