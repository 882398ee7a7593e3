//go:build linux

// Package server is the server of scripts/soak: services of every kind on the
// library's public API, whose handlers check each byte. It is commanded over
// its standard input; see package control.
package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/glibserve/glibserve/ci/internal/proc"
	"github.com/glibserve/glibserve/ci/soak/control"
	"github.com/glibserve/glibserve/ci/soak/judge"
	"github.com/glibserve/glibserve/ci/soak/wire"
	"github.com/glibserve/glibserve/gio"
)

// Server is the process.
type Server struct {
	began    time.Time
	book     book
	services []*service
	gotk4    bool // as Setup.Gotk4
	sabotage sabotage
	wrong    problems
	active   atomic.Int64
	retries  atomic.Uint64 // operations tried again for want of descriptors

	mu     sync.Mutex // protects counts
	counts wire.Counts
}

// Setup is the argument of "open".
type Setup struct {
	Dir      string // for Unix paths
	Seed     uint64
	Flat     bool // one service with one TCP address alone
	Gotk4    bool // also connections that gotk4 makes, which it cannot under the race detector
	Sabotage string
}

// Place is one address of a service, as the load needs it.
type Place struct {
	Service          int
	Name             string
	Network, Address string
	Panics           bool   // takes clients whose handler panics
	Authority        []byte // the PEM certificate that its TLS is to be trusted by; nil: no TLS
}

// Service is what can be done with one.
type Service struct {
	Name              string
	Reopens, Shutdown bool
	Changes, Blocks   bool // its consumer may be another one; its handler may be blocked
}

// Opened is the result of "open".
type Opened struct {
	Services []Service
	Places   []Place
}

// Order is the argument of "stop", "reopen", "change", "block" and "squeeze".
type Order struct {
	Service  int
	Consumer int  // which one is next
	Graceful bool // Shutdown rather than Close
	Take     bool // take all descriptors rather than lower the limit
	For      time.Duration
}

// Report is the result of "sample".
type Report struct {
	judge.Sample
	Counts   wire.Counts
	Panics   uint64         // of handlers, that the library recovered
	Pauses   uint64         // of services, for want of descriptors
	Failed   uint64         // accepts of GIO's that failed for it all the same
	Retries  uint64         // operations tried again for want of descriptors
	Open     map[string]int // what the descriptors are
	Wrong    []string
	Problems []string // warnings that nobody expected
}

// The services with something of their own that can be done to them.
const (
	incoming = "incoming"
	changing = "changing"
)

// Run serves commands until in ends.
func Run(in io.Reader, out io.Writer) error {
	s := &Server{began: time.Now()}
	slog.SetDefault(slog.New(&s.book)) // GLib's own warnings arrive there
	err := control.Serve(in, out, s.command)
	for _, sv := range s.services {
		if sv.now != nil {
			err = errors.Join(err, sv.now.close())
		}
	}
	return err
}

func (s *Server) command(name string, raw json.RawMessage) (any, error) {
	if name == "open" {
		var setup Setup
		if err := json.Unmarshal(raw, &setup); err != nil {
			return nil, err
		}
		return s.open(setup)
	}
	var o Order
	if err := json.Unmarshal(raw, &o); err != nil {
		return nil, err
	}
	if o.Service < 0 || o.Service >= len(s.services) {
		return nil, fmt.Errorf("no service %d", o.Service)
	}
	sv := s.services[o.Service]
	switch name {
	case "stop":
		sv.now.svc.Stop()
		time.Sleep(o.For)
		sv.now.svc.Start()
		return nil, nil
	case "reopen":
		return nil, sv.reopen(s, o.Graceful, o.For)
	case "change":
		sv.now.change(o.Consumer, o.For)
		return nil, nil
	case "block":
		return nil, sv.now.block(o.For)
	case "make blocking":
		return nil, makeListenersBlocking()
	case "squeeze":
		return nil, squeeze(o.Take, o.For)
	case "sample":
		return s.sample()
	}
	return nil, fmt.Errorf("no command %q", name)
}

// open opens all services.
func (s *Server) open(setup Setup) (*Opened, error) {
	if err := s.sabotage.set(setup.Sabotage); err != nil {
		return nil, err
	}
	s.gotk4 = setup.Gotk4
	tcp := place{"tcp4", "127.0.0.1:0"}
	path := func(name string) place { return place{"unix", filepath.Join(setup.Dir, name)} }
	abstract := func(name string) place {
		return place{"unix", fmt.Sprintf("@glibserve-soak-%d-%s", os.Getpid(), name)}
	}
	all := []*service{
		{name: "serve", consume: byServe, panics: true, places: []place{tcp, {"tcp6", "[::1]:0"}, path("serve"), abstract("serve")}},
		{name: "reopened", consume: byServe, panics: true, reopens: true, shutdown: true, places: []place{tcp, path("reopened")}},
		{name: "accept", consume: byAccept, reopens: true, places: []place{tcp, abstract("accept")}},
		{name: "netlistener", consume: byNetListener, reopens: true, places: []place{tcp, path("netlistener")}},
		{name: "conns", consume: byConns, places: []place{tcp, abstract("conns")}},
		{name: incoming, consume: byIncoming, reopens: true, places: []place{tcp, path(incoming)}},
		{name: changing, consume: byServe, places: []place{tcp, path(changing)}},
		{name: "adopted", consume: byAdoption, places: []place{tcp, path("adopted")}},
		{name: "maxconns", consume: byServe, maxConns: 8, panics: true, places: []place{tcp, path("maxconns")}},
		{name: "threaded", consume: byRun, threads: 6, panics: true, reopens: true, shutdown: true, places: []place{tcp, abstract("threaded")}},
	}
	authority, cfg, err := certificate(setup.Dir)
	if err != nil {
		return nil, err
	}
	all = append(all, &service{name: "tls", consume: byServe, tls: cfg, panics: true, reopens: true, shutdown: true,
		places: []place{tcp, path("tls")}})
	if setup.Flat {
		all = all[:1]
		all[0].places = []place{tcp}
	}
	random := rand.New(rand.NewPCG(setup.Seed, 1))
	opened := &Opened{}
	for i, sv := range all {
		sv.id = i
		sv.places = usable(sv.places)
		err := openSomewhere(sv, s, random)
		if sv.tls != nil && errors.Is(err, errors.ErrUnsupported) {
			continue // GIO has no TLS here
		}
		s.services = append(s.services, sv)
		if err != nil {
			return nil, err
		}
		opened.Services = append(opened.Services, Service{Name: sv.name, Reopens: sv.reopens, Shutdown: sv.shutdown,
			Changes: sv.name == changing, Blocks: sv.name == incoming})
		for _, p := range sv.places {
			at := Place{Service: i, Name: sv.name, Network: p.network, Address: p.address, Panics: sv.panics}
			if sv.tls != nil {
				at.Authority = authority
			}
			opened.Places = append(opened.Places, at)
		}
	}
	return opened, nil
}

// openSomewhere opens a service on TCP ports below those that the system gives
// to clients, which could take one while the service is closed.
func openSomewhere(sv *service, s *Server, random *rand.Rand) error {
	places := append([]place(nil), sv.places...)
	for try := 0; ; try++ {
		for i, p := range places {
			if p.network != "unix" {
				p.address = p.address[:len(p.address)-1] + fmt.Sprint(20000+random.IntN(12000))
			}
			sv.places[i] = p
		}
		err := sv.open(s)
		if err == nil || try == 50 || !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
}

// usable leaves out IPv6 where the machine has none.
func usable(all []place) (some []place) {
	for _, p := range all {
		if p.network == "tcp6" {
			l := gio.NewSocketListener(nil)
			_, err := l.Listen(p.network, p.address)
			l.Close()
			if err != nil {
				continue
			}
		}
		some = append(some, p)
	}
	return some
}

// sample waits until nothing is under way and tells what is still held. Objects
// and handlers are given some time, as long as they become fewer: GIO lets go of
// a connection on its own loop.
func (s *Server) sample() (*Report, error) {
	r := &Report{}
	least, since := int64(math.MaxInt64), time.Now()
	for ; ; time.Sleep(20 * time.Millisecond) {
		if err := s.countObjects(&r.Sample); err != nil {
			return nil, err
		}
		r.Handlers = s.active.Load()
		now := r.Objects() + r.Handlers
		if now < least {
			least, since = now, time.Now()
		}
		if now == 0 || time.Since(since) > time.Second && r.Handlers == 0 || time.Since(since) > 10*time.Second {
			break
		}
	}
	// Twice: what the first one finalizes, and what sync.Pool keeps for one more.
	runtime.GC()
	runtime.GC()
	debug.FreeOSMemory()
	m, err := proc.ReadMemory(os.Getpid())
	if err != nil {
		return nil, err
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	r.At = time.Since(s.began)
	r.RSS, r.Threads = m.RSS, m.Threads
	r.Heap, r.Goroutines = int64(mem.HeapAlloc), int64(runtime.NumGoroutine())
	if r.Open, err = descriptors(); err != nil {
		return nil, err
	}
	for _, n := range r.Open {
		r.FDs += int64(n)
	}
	s.mu.Lock()
	r.Counts = s.counts
	s.mu.Unlock()
	s.book.mu.Lock()
	r.Panics, r.Pauses, r.Failed = s.book.panics, s.book.pauses, s.book.failed
	s.book.mu.Unlock()
	r.Retries = s.retries.Load()
	r.Wrong = s.wrong.all()
	r.Problems = s.book.problems.all()
	return r, nil
}

// countObjects has the library count: it tells the log when a service is closed
// (GLIBSERVE_DEBUG=leaks).
func (s *Server) countObjects(to *judge.Sample) error {
	if err := gio.NewSocketService(&gio.ServiceConfig{Logger: slog.New(&s.book)}).Close(); err != nil {
		return err
	}
	s.book.mu.Lock()
	defer s.book.mu.Unlock()
	if s.book.closed == nil {
		return errors.New("the library does not count: GLIBSERVE_DEBUG=leaks is not set")
	}
	to.Accepted, to.Finalized, to.Forgotten = s.book.closed["connections"], s.book.closed["finalized"], s.book.closed["forgotten"]
	to.Accepted -= min(gotk4s.ended.Load(), to.Accepted-to.Finalized) // those are gotk4's leak
	return nil
}
