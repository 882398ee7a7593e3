//go:build linux

package main

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/glibserve/glibserve/ci/bench/internal/report"
	"github.com/glibserve/glibserve/ci/internal/proc"
)

// The phases of a measurement, in order.
const (
	opening   = iota // connections are opened; those that stay are used once and wait
	warming          // they work
	measuring        // what is completed now counts
	draining         // what is under way is completed, nothing new begins
	stopped          // whoever still waits gives up
)

// window is the time that is measured.
type window struct {
	phase    atomic.Int32
	answered atomic.Int64 // connections that the server has answered on
	once     sync.Once
	abort    chan struct{} // closed by a worker that sees no sense in going on
}

func newWindow() *window { return &window{abort: make(chan struct{})} }

// giveUp ends the measurement before its time.
func (w *window) giveUp() { w.once.Do(func() { close(w.abort) }) }

func (w *window) aborted() bool {
	select {
	case <-w.abort:
		return true
	default:
		return false
	}
}

func (w *window) is(phase int32) bool { return w.phase.Load() == phase }

// sleep returns false when there is no sense in going on.
func (w *window) sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-w.abort:
	case <-ctx.Done():
	}
	return false
}

// sample is what the server, this process and the whole machine had used at
// one moment.
type sample struct {
	at      time.Time
	server  proc.CPU
	own     time.Duration
	machine time.Duration
}

func takeSample(pid int) (s sample, err error) {
	if pid > 0 {
		if s.server, err = proc.ReadCPU(pid); err != nil {
			return s, err
		}
	}
	s.own = ownCPU()
	if s.machine, err = proc.ReadMachine(); err != nil {
		return s, err
	}
	s.at = time.Now()
	return s, nil
}

// monotonic is CLOCK_MONOTONIC in ns, which other processes read as well.
func monotonic() (float64, error) {
	const clockMonotonic = 1
	var ts syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0, errno
	}
	return float64(ts.Nano()), nil
}

func ownCPU() time.Duration {
	var self, children syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &self)
	_ = syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children) // wrk
	return time.Duration(self.Utime.Nano() + self.Stime.Nano() + children.Utime.Nano() + children.Stime.Nano())
}

// fill puts what happened between two samples into r.
func fill(r *report.Report, from, to sample, threads int) {
	elapsed := to.at.Sub(from.at)
	used := to.server.Sub(from.server)
	r.Seconds = elapsed.Seconds()
	r.CPU, r.User, r.Sys = float64(used.Total), float64(used.User), float64(used.Sys)
	r.Load = float64(to.own-from.own) / float64(elapsed) / float64(threads)
	others := to.machine - from.machine - used.Total - (to.own - from.own)
	r.Others = max(0, float64(others)/float64(elapsed)/float64(runtime.NumCPU()))
}

func fillMemory(r *report.Report, pid int) error {
	if pid <= 0 {
		return nil
	}
	m, err := proc.ReadMemory(pid)
	if err != nil {
		return err
	}
	r.RSS, r.HWM, r.Threads = float64(m.RSS), float64(m.HWM), float64(m.Threads)
	return nil
}

// measure warms up, lets the window pass, and drains. It returns when the
// phase is draining; the caller waits for its workers.
func (w *window) measure(ctx context.Context, o *options, r *report.Report) error {
	w.phase.Store(warming)
	if !w.sleep(ctx, o.warmup) {
		return ctx.Err()
	}
	from, err := takeSample(o.pid)
	if err != nil {
		return err
	}
	if r.Began, err = monotonic(); err != nil {
		return err
	}
	w.phase.Store(measuring)
	w.sleep(ctx, o.length)
	to, err := takeSample(o.pid)
	w.phase.Store(draining)
	if err != nil {
		return err
	}
	fill(r, from, to, o.threads)
	if err := fillMemory(r, o.pid); err != nil {
		return err
	}
	return ctx.Err()
}
