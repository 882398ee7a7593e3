package lines

// Not an external test: the reader is a part of the door that deserves a look
// by itself, and nobody outside has a use for it.

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

// readAll returns the lines, with "(too long)" for those that are.
func readAll(r io.Reader) (lines []string, err error) {
	reader := newReader(r)
	for {
		line, err := reader.next()
		switch {
		case errors.Is(err, hub.ErrLineTooLong):
			lines = append(lines, "(too long)")
		case err != nil:
			return lines, err
		default:
			lines = append(lines, string(line))
		}
	}
}

func TestReader(t *testing.T) {
	longest := strings.Repeat("x", hub.MaxLine)
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"nothing", "", nil},
		{"LF", "a\nb\n", []string{"a", "b"}},
		{"CRLF", "a\r\nb\r\n", []string{"a", "b"}},
		{"blank lines", "\n\r\n\n", []string{"", "", ""}},
		{"no end of line", "a\nb", []string{"a", "b"}},
		{"CR within", "a\rb\n", []string{"a\rb"}},
		{"CR at the end of the stream", "a\r", []string{"a"}},
		{"the longest", longest + "\nb\n", []string{longest, "b"}},
		{"the longest, CRLF", longest + "\r\nb\n", []string{longest, "b"}},
		{"the longest, no end", longest, []string{longest}},
		{"one more", longest + "x\nb\n", []string{"(too long)", "b"}},
		{"one more, CRLF", longest + "x\r\nb\n", []string{"(too long)", "b"}},
		{"one more, no end", longest + "x", []string{"(too long)"}},
		{"a million", strings.Repeat("x", 1e6) + "\nb\n", []string{"(too long)", "b"}},
		{"a million, no end", strings.Repeat("x", 1e6), []string{"(too long)"}},
		{"zero bytes", "\x00\n\x00", []string{"\x00", "\x00"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, in := range []io.Reader{
				strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in)), iotest.DataErrReader(strings.NewReader(c.in)),
			} {
				lines, err := readAll(in)
				require.Equal(t, io.EOF, err)
				require.Equal(t, c.want, lines)
			}
		})
	}
}

func TestReaderDoesNotTakeAnErrorForTheEndOfALine(t *testing.T) {
	broken := errors.New("broken")
	for _, in := range []string{"", "half", strings.Repeat("x", 5000)} {
		lines, err := readAll(io.MultiReader(strings.NewReader(in), iotest.ErrReader(broken)))
		require.Equal(t, broken, err)
		require.Empty(t, lines, "half a line may be half a command")
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("a\r\nb\n\nc"), 3)
	f.Add(bytes.Repeat([]byte("x"), 1003), 1000)
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		cut = min(max(cut, 0), len(in))
		got, err := readAll(io.MultiReader(bytes.NewReader(in[:cut]), bytes.NewReader(in[cut:])))
		require.Equal(t, io.EOF, err)

		var want []string
		oracle := bufio.NewScanner(bytes.NewReader(in)) // ScanLines has the same rules
		oracle.Buffer(nil, len(in)+2)
		for oracle.Scan() {
			if len(oracle.Bytes()) > hub.MaxLine {
				want = append(want, "(too long)")
			} else {
				want = append(want, oracle.Text())
			}
		}
		require.NoError(t, oracle.Err())
		require.Equal(t, want, got)
	})
}
