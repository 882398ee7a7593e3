//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/glibserve/glibserve/ci/bench/internal/report"
	"github.com/glibserve/glibserve/ci/internal/proc"
)

// It may take a minute to open thousands of connections: GIO polls all of
// them for each that it accepts. A server that answers nobody any more has
// stalled.
const (
	readyTime = 3 * time.Minute
	stallTime = 15 * time.Second
)

// crew is the workers of one measurement.
type crew struct {
	win     *window
	workers []*worker
	ready   sync.WaitGroup
	ended   sync.WaitGroup
}

// startCrew divides conns among the threads and begins.
func startCrew(o *options, k kind, conns int) (*crew, error) {
	threads := min(o.threads, conns)
	// One more for whoever looks at the clock.
	runtime.GOMAXPROCS(max(runtime.NumCPU(), threads+1))
	c := &crew{win: newWindow()}
	for i := range threads {
		t, err := newTarget(o.addr, i)
		if err != nil {
			return nil, err
		}
		share := conns / threads
		if i < conns%threads {
			share++
		}
		w, err := newWorker(c.win, t, k, share)
		if err != nil {
			return nil, err
		}
		w.pace = newPace(o.rate, threads)
		w.onReady = c.ready.Done
		c.workers = append(c.workers, w)
	}
	c.ready.Add(threads)
	for _, w := range c.workers {
		c.ended.Add(1)
		go func() {
			defer c.ended.Done()
			w.run()
		}()
	}
	return c, nil
}

// waitReady waits until the server has answered on every connection.
func (c *crew) waitReady(ctx context.Context) error {
	ready := make(chan struct{})
	go func() {
		c.ready.Wait()
		close(ready)
	}()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	began, answered, changed := time.Now(), int64(0), time.Now()
	for {
		select {
		case <-ready:
			return nil
		case <-c.win.abort:
			return errTooMany
		case <-ctx.Done():
			return ctx.Err()
		case now := <-ticker.C:
			if n := c.win.answered.Load(); n != answered {
				answered, changed = n, now
			}
			if now.Sub(changed) > stallTime || now.Sub(began) > readyTime {
				return fmt.Errorf("the server answered on %d connections, and on no other in %s", answered, now.Sub(changed).Round(time.Second))
			}
		}
	}
}

var errTooMany = errors.New("too many errors")

// end waits for the workers, at most until they give up waiting, and collects.
func (c *crew) end(r *report.Report, err error) (*report.Report, error) {
	if err != nil {
		c.win.phase.Store(stopped)
	}
	c.ended.Wait()
	var all hist
	for _, w := range c.workers {
		all.merge(&w.lat)
		r.Ops += w.ops
		for reason, n := range w.failures {
			r.Count(reason, n)
		}
	}
	r.P50, r.P99 = all.quantile(0.5), all.quantile(0.99)
	if err == nil && c.win.aborted() {
		err = errTooMany
	}
	return r, err
}

// runWorkers is the measurement of all work that keeps its connections busy.
func runWorkers(ctx context.Context, o *options, k kind) (*report.Report, error) {
	c, err := startCrew(o, k, o.conns)
	if err != nil {
		return nil, err
	}
	r := &report.Report{}
	err = c.waitReady(ctx)
	if err == nil {
		err = c.win.measure(ctx, o, r)
	}
	return c.end(r, err)
}

// runIdle measures what connections cost that do nothing.
func runIdle(ctx context.Context, o *options) (*report.Report, error) {
	if o.pid <= 0 {
		return nil, errors.New("-work idle needs -pid")
	}
	r := &report.Report{}
	// The first connections bring code and heap into memory that are no
	// connection's cost.
	before, err := rest(ctx, o, r, maxOpening, o.warmup)
	if err != nil {
		return r, err
	}
	after, err := rest(ctx, o, r, o.conns, o.length)
	if err != nil {
		return r, err
	}
	r.Ops, r.Seconds = float64(o.conns), o.length.Seconds()
	r.PerConn = float64(after.RSS-before.RSS) / float64(o.conns)
	return r, fillMemory(r, o.pid)
}

// rest opens connections, uses each once, lets them rest, reads the server's
// memory, uses each once more and closes them. They rest because the phase is
// opening until then.
func rest(ctx context.Context, o *options, r *report.Report, conns int, d time.Duration) (m proc.Memory, err error) {
	c, err := startCrew(o, &echoing{size: o.size}, conns)
	if err != nil {
		return m, err
	}
	if err = c.waitReady(ctx); err == nil {
		if !c.win.sleep(ctx, d) {
			err = errors.Join(ctx.Err(), errTooMany)
		} else {
			m, err = proc.ReadMemory(o.pid)
		}
	}
	c.win.phase.Store(draining)
	_, err = c.end(r, err)
	return m, err
}
