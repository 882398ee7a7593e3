package native

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// order is that of the C files about listeners: each calls only those before it.
var order = []string{
	"object.c", "connection.c", "source.c", "socket.c", "mptcp.c", "swap.c", "active.c", "emit.c", "batch.c", "accept.c", "fdwatch.c", "stray.c",
	"signals.c", "add.c", "class.c", "close.c",
}

var (
	definition = regexp.MustCompile(`(?m)^(gsv_\w+) \(`) // GNU style: the name begins the line
	call       = regexp.MustCompile(`\bgsv_\w+`)
	comment    = regexp.MustCompile(`(?s)/\*.*?\*/`)
)

// filesOf finds where each function of the C files is defined.
func filesOf(t *testing.T) (defined map[string]string, text map[string]string) {
	t.Helper()
	defined, text = map[string]string{}, map[string]string{}
	for _, name := range order {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		text[name] = comment.ReplaceAllString(string(b), "")
		for _, m := range definition.FindAllStringSubmatch(text[name], -1) {
			defined[m[1]] = name
		}
	}
	return defined, text
}

func TestCFilesCallOnlyThoseAboveThem(t *testing.T) {
	place := map[string]int{}
	for i, name := range order {
		place[name] = i
	}
	defined, text := filesOf(t)
	require.Equal(t, "batch.c", defined["gsv_accept_batch"], "definitions are found")
	for name, code := range text {
		for _, f := range call.FindAllString(code, -1) {
			if where, ok := defined[f]; ok && place[where] > place[name] {
				t.Errorf("%s calls %s, which is in %s below it", name, f, where)
			}
		}
	}
}

// The list is that of the comment in state.h.
func TestOrderIsTheOneInTheHeader(t *testing.T) {
	b, err := os.ReadFile("state.h")
	require.NoError(t, err)
	head, _, ok := strings.Cut(string(b), "*/")
	require.True(t, ok)
	require.Equal(t, order, regexp.MustCompile(`\w+\.c\b`).FindAllString(head, -1))
}
