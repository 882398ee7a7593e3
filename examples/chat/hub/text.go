package hub

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxLine is the longest line that a client may send, in bytes and without
// its end of line. A door reads no more than that into memory.
const MaxLine = 1000

// Why a line is refused. Doors that see it before the hub does use the same
// words.
var (
	ErrLineTooLong = fmt.Errorf("that line has more than %d bytes", MaxLine)
	errNotUTF8     = errors.New("that line is not valid UTF-8")
)

// checkText tells whether a line may be shown to others. Tabs may: pasted
// code has them, and no terminal does anything odd with one. The other
// control characters could move the cursor, clear the screen or forge a line
// on the terminal of whoever reads it, and so could the separators by which
// some programs break lines.
func checkText(line string) error {
	if len(line) > MaxLine {
		return ErrLineTooLong
	}
	if !utf8.ValidString(line) {
		return errNotUTF8
	}
	if i := strings.IndexFunc(line, forbidden); i >= 0 {
		r, _ := utf8.DecodeRuneInString(line[i:])
		return fmt.Errorf("that line contains a control character (%U)", r)
	}
	return nil
}

func forbidden(r rune) bool {
	return unicode.IsControl(r) && r != '\t' || r == '\u2028' || r == '\u2029'
}
