//go:build linux

package main

import (
	"context"
	"errors"
	"time"

	"github.com/glibserve/glibserve/ci/bench/internal/report"
	"github.com/glibserve/glibserve/ci/internal/measure"
)

// patience is how long a measurement may take beyond its own time. The load
// generator has limits of its own below this.
const patience = 4 * time.Minute

// measure starts a fresh server, puts the work on it and ends it.
func (b *bench) measure(ctx context.Context, w *work, peer string) (*report.Report, error) {
	s, err := startServer(ctx, b.bin, b.dir, w.servers[peer])
	if err != nil {
		return nil, err
	}
	defer s.stop()
	r, err := b.load(ctx, w, s)
	if err == nil && !s.running() {
		err = errors.New("the server ended by itself")
	}
	if err != nil && ctx.Err() == nil {
		if !s.running() {
			return nil, s.explain(err)
		}
		return nil, err
	}
	return r, err
}

func (b *bench) load(ctx context.Context, w *work, s *server) (*report.Report, error) {
	l := measure.Load{Bin: b.bin, Address: s.address, PID: s.pid(), Warmup: b.warmup, Length: b.length, Args: w.load}
	r := &report.Report{}
	if err := l.Run(ctx, patience, r); err != nil {
		return nil, err
	}
	return r, nil
}
