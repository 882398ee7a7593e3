//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/glibserve/glibserve/ci/internal/proc"
	"github.com/glibserve/glibserve/ci/soak/judge"
	"github.com/glibserve/glibserve/ci/soak/load"
	"github.com/glibserve/glibserve/ci/soak/server"
)

const (
	longestRound = 10 * time.Second // between two samples
	leastRounds  = 10               // so that a short soak has a last half, too
	restEvery    = 30 * time.Second // how often what the server holds at rest is shown
)

// fault is what is done to the server while it is under load.
type fault int

const (
	stopAndStart fault = iota
	closeAndOpen
	shutdownAndOpen
	consumerChanged
	handlerBlocked
	madeBlocking
	pathFoughtFor
	limitLowered
	allTaken
	faults // how many there are
)

var faultNames = [faults]string{"stopped and started", "closed and opened again", "shut down and opened again",
	"given another consumer", "its handler blocked and unblocked", "listening sockets made blocking by others",
	"a path fought for by three processes", "descriptors: limit lowered to half of what is open", "descriptors: all taken"}

// withoutTLS is told where there is no service with TLS.
const withoutTLS = "  without TLS: GIO has no backend for it here"

// mixed is the soak.
func (p *pair) mixed(ctx context.Context, stdout io.Writer) error {
	fmt.Fprintf(stdout, "soak: %v with seed %d, %d clients at a time on %d services at %d addresses; server: process %d\n",
		p.time, p.seed, p.workers, len(p.opened.Services), len(p.opened.Places), p.server.PID())
	if !slices.ContainsFunc(p.opened.Services, func(s server.Service) bool { return s.Name == "tls" }) {
		fmt.Fprintln(stdout, withoutTLS)
	}
	stdout = &oneByOne{w: stdout}
	defer p.showProgress(stdout)()
	random := rand.New(rand.NewPCG(p.seed, 3))
	round := min(longestRound, p.time/leastRounds)
	began, shown := time.Now(), time.Now()
	var done [faults]int
	var deck []int // of the faults, shuffled: a short soak has all of them
	for i := 0; (i < leastRounds || time.Since(began) < p.time) && ctx.Err() == nil; i++ {
		if err := p.load.Call("resume", nil, nil); err != nil {
			return err
		}
		for end := time.Now().Add(round); time.Now().Before(end) && ctx.Err() == nil; {
			if len(deck) == 0 {
				deck = random.Perm(int(faults))
			}
			if err := p.commit(fault(deck[0]), random); err != nil {
				return fmt.Errorf("%s: %w", faultNames[deck[0]], err)
			}
			done[deck[0]]++
			deck = deck[1:]
			wait(ctx, min(time.Until(end), time.Duration(random.IntN(400))*time.Millisecond))
		}
		busy, _ := proc.ReadMemory(p.server.PID())
		p.load1 = load.Report{}
		if err := errors.Join(p.load.Call("pause", nil, &p.load1), p.sample()); err != nil {
			return err
		}
		if time.Since(shown) >= restEvery {
			shown = time.Now()
			t := p.load1.Counts.Total()
			fmt.Fprintf(stdout, "        at rest: %d connections so far, %.1f GiB, lost %d, corrupt %d, resident %.1f MiB (at work %.1f), %d descriptors, %d goroutines, %d threads, %d GObjects\n",
				t.Conns, float64(t.Up+t.Down)/(1<<30), t.Lost, t.Corrupt,
				mib(p.last.RSS), mib(busy.RSS), p.last.FDs, p.last.Goroutines, p.last.Threads, p.last.Objects())
		}
	}
	limits := judge.Limits(1)
	limits[0].Limit = int64(p.grow * raceFactor * (1 << 20))
	limits[1].Limit *= raceFactor
	if p.time < time.Minute {
		// What rests in pools for a while (threads, the pipes of io.Copy) has not settled yet.
		limits[2].Limit *= 8
		limits[4].Limit *= 8
	}
	return p.summary(stdout, time.Since(began), done, limits)
}

// commit commits one fault and returns when it is over.
func (p *pair) commit(f fault, random *rand.Rand) error {
	o := server.Order{Service: random.IntN(len(p.opened.Services)), For: time.Duration(random.IntN(150)) * time.Millisecond}
	switch f {
	case stopAndStart:
		return p.server.Call("stop", o, nil)
	case closeAndOpen, shutdownAndOpen:
		o.Graceful = f == shutdownAndOpen
		o.Service = p.choose(random, func(s server.Service) bool { return s.Reopens && (s.Shutdown || !o.Graceful) })
		t := load.Turn{Service: o.Service, Graceful: o.Graceful}
		return errors.Join(p.load.Call("turn", t, nil), p.server.Call("reopen", o, nil), p.load.Call("turn", t, nil))
	case consumerChanged:
		o.Service, o.Consumer = p.choose(random, func(s server.Service) bool { return s.Changes }), random.IntN(1<<16)
		return p.server.Call("change", o, nil)
	case handlerBlocked:
		o.Service = p.choose(random, func(s server.Service) bool { return s.Blocks })
		return p.server.Call("block", o, nil)
	case madeBlocking:
		return p.server.Call("make blocking", o, nil)
	case pathFoughtFor:
		return p.rivals.Fight()
	case limitLowered, allTaken:
		o.Take = f == allTaken
		o.For += 100 * time.Millisecond
		return p.server.Call("squeeze", o, nil)
	}
	return fmt.Errorf("no fault %d", f)
}

// choose chooses one of the services that ok says yes to, by chance.
func (p *pair) choose(random *rand.Rand, ok func(server.Service) bool) int {
	for {
		if i := random.IntN(len(p.opened.Services)); ok(p.opened.Services[i]) {
			return i
		}
	}
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }
