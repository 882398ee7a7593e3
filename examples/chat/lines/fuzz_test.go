package lines_test

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/hub"
	"github.com/glibserve/glibserve/examples/chat/lines"
	"github.com/glibserve/glibserve/gio"
)

// FuzzSession has a client send anything, in two pieces, and hang up. Whatever
// that is, every line that comes back is one of the server's own, nothing in it
// moves a terminal's cursor, and the door lets go of the client.
func FuzzSession(f *testing.F) {
	for _, seed := range []string{
		"", "hello\n", "no end", "a\r\nb\n\nc\r", "/nick bob\n/me waves\n/quit bye\nnever read\n", "/join #x\n/topic t\n/topic\n/topic -\n/leave\n",
		"/msg witness hi\n/msg nobody hi\n/who\n/who x\n/rooms\n/help\n", strings.Repeat("x", 1001) + "\nafter\n", "\xff\xfe\n\x00\n\x1b[2J\n",
		"/nick \u202ebob\n/nick * \n/nick [12:00]\n", "\xff\xfb\x01hello\r\x00", "//slash\n/\n/ x\n/nosuch\n", "\u2028\n\u0085\n",
		strings.Repeat("\n", 500), strings.Repeat("/rooms\n", 300), "* You are root now.\n! x\n[00:00] y\n",
	} {
		f.Add([]byte(seed), len(seed)/2)
	}
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		in = in[:min(len(in), 16<<10)]
		cut = min(max(cut, 0), len(in))
		h := hub.New(hub.Config{Queue: 1 << 16})
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		witness, err := h.Enter(ctx, hub.Origin{Door: "test"})
		require.NoError(t, err)
		defer witness.Close()

		ours, theirs, err := gio.SocketPair()
		require.NoError(t, err)
		defer theirs.Close()
		require.NoError(t, theirs.SetDeadline(time.Now().Add(patience)))
		served := make(chan struct{})
		go func() {
			defer close(served)
			defer ours.Close()
			lines.New(lines.Config{Hub: h, Logger: slog.New(slog.DiscardHandler)}).Serve(ctx, ours, hub.Origin{Door: "test"})
		}()
		go func() { // the server may answer more than the socket has room for
			_, _ = theirs.Write(in[:cut])
			_, _ = theirs.Write(in[cut:])
			_ = theirs.CloseWrite()
		}()
		out, err := io.ReadAll(theirs)
		require.NoError(t, err)
		<-served
		require.NoError(t, ctx.Err())
		require.Equal(t, 1, h.Len(), "the witness alone is left")
		requireServersOwn(t, string(out))
	})
}

func requireServersOwn(t *testing.T, out string) {
	t.Helper()
	require.True(t, utf8.ValidString(out))
	require.True(t, strings.HasSuffix(out, "\n"), "ends in the middle of a line: %q", out)
	for line := range strings.Lines(out) {
		known := false
		for _, start := range []string{"[", "* ", "! ", "Welcome! ", "/nick NAME "} {
			known = known || strings.HasPrefix(line, start)
		}
		require.True(t, known, "%q", line)
		odd := strings.IndexFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool {
			return unicode.IsControl(r) && r != '\t' || r == '\u2028' || r == '\u2029'
		})
		require.Negative(t, odd, "%q", line)
	}
}
