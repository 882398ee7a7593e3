//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/glibserve/glibserve/ci/soak/control"
	"github.com/glibserve/glibserve/ci/soak/judge"
	"github.com/glibserve/glibserve/ci/soak/load"
	"github.com/glibserve/glibserve/ci/soak/rival"
	"github.com/glibserve/glibserve/ci/soak/server"
)

// pair is the server and the load, and what they have told so far.
type pair struct {
	options
	server, load *control.Child
	rivals       *rival.Rivals
	opened       server.Opened
	samples      []judge.Sample
	last         server.Report
	load1        load.Report
}

// start starts both. A warning of GLib's that says a programmer's mistake
// (a critical) ends the server.
func start(o options, dir string, stderr io.Writer) (p *pair, err error) {
	p = &pair{options: o}
	stderr = &oneByOne{w: stderr}
	debug := "GLIBSERVE_DEBUG=leaks"
	if o.nodirect {
		debug += ",nodirect"
	}
	if p.server, err = control.Start("server", stderr, []string{debug, "G_DEBUG=fatal-criticals"}, asServer); err != nil {
		return nil, err
	}
	if p.load, err = control.Start("load", stderr, nil, asLoad); err != nil {
		return nil, errors.Join(err, p.server.End())
	}
	if p.rivals, err = rival.Start(dir, stderr); err != nil {
		return nil, errors.Join(err, p.load.End(), p.server.End())
	}
	setup := server.Setup{Dir: dir, Seed: o.seed, Flat: o.connections > 0, Gotk4: raceFactor == 1, Sabotage: o.sabotage}
	err = p.server.Call("open", setup, &p.opened)
	if err == nil {
		setup := load.Setup{Places: p.opened.Places, Workers: o.workers, Seed: o.seed}
		if o.connections > 0 {
			setup.Workers = 0
		}
		err = p.load.Call("open", setup, nil)
	}
	if err == nil {
		err = p.sample()
	}
	if err != nil {
		return nil, errors.Join(err, p.end())
	}
	return p, nil
}

// oneByOne is a writer for both processes.
type oneByOne struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *oneByOne) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(b)
}

func (p *pair) end() error { return errors.Join(p.rivals.End(), p.load.End(), p.server.End()) }

// sample asks the server, while the load is paused, what it holds.
func (p *pair) sample() error {
	p.last = server.Report{}
	if err := p.server.Call("sample", server.Order{}, &p.last); err != nil {
		return err
	}
	p.samples = append(p.samples, p.last.Sample)
	return nil
}

// failures are what was lost, corrupted or unexpected so far, but for growth.
func (p *pair) failures() (all []string) {
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for _, side := range []struct {
		name  string
		total func() (lost, corrupt uint64)
	}{
		{"clients", func() (uint64, uint64) { t := p.load1.Counts.Total(); return t.Lost, t.Corrupt }},
		{"handlers", func() (uint64, uint64) { t := p.last.Counts.Total(); return t.Lost, t.Corrupt }},
	} {
		lost, corrupt := side.total()
		if lost > 0 {
			add("%d connections were lost, say the %s", lost, side.name)
		}
		if corrupt > 0 {
			add("%d connections had wrong bytes, say the %s", corrupt, side.name)
		}
	}
	all = append(all, disagreements(p.load1.Counts, p.last.Counts)...)
	all = append(all, p.load1.Wrong...)
	all = append(all, p.last.Wrong...)
	for _, text := range p.last.Problems {
		add("logged by the server: %s", text)
	}
	return all
}
