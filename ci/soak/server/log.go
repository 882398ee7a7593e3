//go:build linux

package server

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// meant is what handlers panic with on purpose.
const meant = "soak: meant to panic"

// book is a slog.Handler that counts what is expected and keeps what is not.
type book struct {
	mu       sync.Mutex
	panics   uint64 // that were meant
	pauses   uint64 // for want of descriptors
	failed   uint64 // accepts of GIO's that failed for it: the limit fell after the library had looked
	closed   map[string]int64
	problems problems
}

func (b *book) Enabled(context.Context, slog.Level) bool { return true }
func (b *book) WithAttrs([]slog.Attr) slog.Handler       { return b }
func (b *book) WithGroup(string) slog.Handler            { return b }

func (b *book) Handle(_ context.Context, r slog.Record) error {
	attrs := map[string]slog.Value{}
	r.Attrs(func(a slog.Attr) bool {
		attrs[a.Key] = a.Value
		return true
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case strings.HasPrefix(r.Message, "gio: panic in") && attrs["panic"].String() == meant:
		b.panics++
	case strings.HasPrefix(r.Message, "gio: out of file descriptors"):
		b.pauses++
	case strings.HasSuffix(r.Message, "Error accepting connection: Too many open files"):
		b.failed++
	case r.Message == "gio: closed":
		b.closed = map[string]int64{}
		for _, name := range []string{"connections", "finalized"} {
			b.closed[name] = int64(attrs[name].Uint64())
		}
		b.closed["forgotten"] = attrs["forgotten"].Int64()
	case r.Level >= slog.LevelWarn:
		text := r.Level.String() + " " + r.Message
		for k, v := range attrs {
			text += fmt.Sprintf(" %s=%v", k, v)
		}
		b.problems.add(text)
	}
	return nil
}

// problems are sentences about what should not happen: the first ones.
type problems struct {
	mu    sync.Mutex
	first []string
}

func (p *problems) add(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.first) < 20 {
		p.first = append(p.first, text)
	}
}

func (p *problems) all() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.first...)
}
