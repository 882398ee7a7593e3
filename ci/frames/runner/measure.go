//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"image/png"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"github.com/glibserve/glibserve/ci/internal/measure"
	"github.com/glibserve/glibserve/ci/internal/proc"
)

// patience is how long a load may take beyond its own time: a server that is
// slow to answer on 500 connections, and the load's own end.
const patience = time.Minute

// window is the time that counts, in microseconds of CLOCK_MONOTONIC.
type window struct{ from, to float64 }

// sample is one measurement.
type sample struct {
	window
	drawn
	ops    float64 // operations a second, or labels
	cpu    float64 // processors that the program used
	lost   int64   // label changes that never came
	errors int     // of the load
}

func monotonic() float64 {
	const clockMonotonic = 1
	var ts syscall.Timespec
	_, _, _ = syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0)
	return float64(ts.Nano()) / 1e3
}

// measure starts a fresh program, loads it and ends it.
func (r *runner) measure(ctx context.Context, k key) (*sample, error) {
	p, err := start(ctx, r.bin, r.env(), r.command(k))
	if err != nil {
		return nil, err
	}
	defer p.stop()
	l := findLoad(k.load)
	s := &sample{}
	if l.args != nil {
		err = r.load(ctx, p, l, s)
	} else {
		err = r.watch(ctx, p, l, s)
	}
	if err == nil {
		r.shoot()
		var d *drawn
		if d, err = r.settle(ctx, p, k); err == nil {
			s.drawn = *d
		}
	}
	if err != nil {
		return nil, p.explain(err)
	}
	if l.posts > 0 {
		s.ops = s.shown()
		if k.beside != latest {
			s.lost = s.Asked - s.Labels
		}
	}
	return s, nil
}

func (r *runner) command(k key) []string {
	command := beside[k.beside].command
	if posts := findLoad(k.load).posts; posts > 0 {
		command = append(command[:len(command):len(command)], "-rate", strconv.Itoa(posts))
	}
	return command
}

func (r *runner) env() map[string]string {
	if r.display == nil {
		return nil
	}
	return r.display.Env()
}

// load runs the load generator, whose window it is.
func (r *runner) load(ctx context.Context, p *process, l *load, s *sample) error {
	var report struct {
		Ops, Seconds, Began, CPU float64
		Errors                   map[string]int
	}
	run := measure.Load{Bin: r.bin, Address: p.address, PID: p.cmd.Process.Pid, Warmup: r.warmup, Length: r.length, Args: l.args}
	if err := run.Run(ctx, patience, &report); err != nil {
		return err
	}
	s.from = report.Began / 1e3
	s.to = s.from + report.Seconds*1e6
	s.ops, s.cpu = report.Ops/report.Seconds, report.CPU/report.Seconds/1e9
	for _, n := range report.Errors {
		s.errors += n
	}
	return nil
}

// watch lets the window's time pass, in which nothing comes from outside.
func (r *runner) watch(ctx context.Context, p *process, l *load, s *sample) error {
	if l.posts > 0 {
		if err := p.tell("start"); err != nil {
			return err
		}
	}
	if err := sleep(ctx, r.warmup); err != nil {
		return err
	}
	before, err := proc.ReadCPU(p.cmd.Process.Pid)
	if err != nil {
		return err
	}
	s.from = monotonic()
	if err := sleep(ctx, r.length); err != nil {
		return err
	}
	s.to = monotonic()
	after, err := proc.ReadCPU(p.cmd.Process.Pid)
	if err != nil {
		return err
	}
	s.cpu = float64(after.Sub(before).Total) / 1e3 / (s.to - s.from)
	if l.posts > 0 {
		return p.tell("stop")
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settle asks for the report, again until every label change that was asked for
// has come, or none comes any more.
func (r *runner) settle(ctx context.Context, p *process, k key) (*drawn, error) {
	for last := int64(-1); ; {
		d, err := p.report(ctx)
		if err != nil || k.beside == latest || d.Labels == d.Asked || d.Labels == last {
			return d, err
		}
		last = d.Labels
		if err := sleep(ctx, 2*time.Second); err != nil {
			return nil, err
		}
	}
}

// shoot saves a picture of the window, once.
func (r *runner) shoot() {
	if r.screenshot == "" || r.display == nil {
		return
	}
	picture, err := r.display.Picture()
	if err == nil {
		var f *os.File
		if f, err = os.Create(r.screenshot); err == nil {
			err = errors.Join(png.Encode(f, picture), f.Close())
		}
	}
	if err != nil {
		fmt.Fprintf(r.log, "frames: no picture of the window: %v\n", err)
	}
	r.screenshot = ""
}
