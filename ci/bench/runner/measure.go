//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/glibserve/glibserve/ci/bench/internal/report"
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
	ctx, cancel := context.WithTimeout(ctx, b.warmup+b.length+patience)
	defer cancel()
	args := append([]string{
		"-addr", s.address, "-pid", fmt.Sprint(s.pid()),
		"-length", b.length.String(), "-warmup", b.warmup.String(),
	}, w.load...)
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "load"), args...)
	apart(cmd)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = endTime
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if text := strings.TrimSpace(stderr.String()); text != "" {
			err = errors.New(text)
		}
		return nil, err
	}
	r := &report.Report{}
	if err := json.Unmarshal(stdout.Bytes(), r); err != nil {
		return nil, fmt.Errorf("the load generator's report: %w", err)
	}
	return r, nil
}
