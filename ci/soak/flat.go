//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/glibserve/glibserve/ci/soak/load"
)

// samples is how many the run of short connections is divided by.
const samples = 10

// flat makes short connections, and wants resident memory not to grow from the
// middle to the end.
func (p *pair) flat(ctx context.Context, stdout io.Writer) error {
	fmt.Fprintf(stdout, "soak: %d connections (connect, 64 bytes echoed, close), %d at a time, on tcp %s; server: process %d\n\n",
		p.connections, p.workers, p.opened.Places[0].Address, p.server.PID())
	const row = "%12v %14v %12v %12v %12v %12v %12v %14v\n"
	fmt.Fprintf(stdout, row, "connections", "resident kB", "heap kB", "descriptors", "goroutines", "threads", "GObjects", "connections/s")
	show := func(n int, perSecond any) {
		s := p.last
		fmt.Fprintf(stdout, row, n, s.RSS/1024, s.Heap/1024, s.FDs, s.Goroutines, s.Threads, s.Objects(), perSecond)
	}
	show(0, "")
	n := 0
	for i := 1; i <= samples && ctx.Err() == nil; i++ {
		rounds := load.Rounds{N: p.connections*i/samples - n, Workers: p.workers}
		p.load1 = load.Report{}
		if err := p.load.Call("rounds", rounds, &p.load1); err != nil {
			return err
		}
		if err := p.sample(); err != nil {
			return err
		}
		n += rounds.N
		show(n, int(float64(rounds.N)/p.load1.Took.Seconds()))
	}
	wrong := p.failures()
	if done := p.load1.Counts.Total().Done; done != uint64(n) {
		wrong = append(wrong, fmt.Sprintf("%d of %d connections were served", done, n))
	}
	middle, end := p.samples[len(p.samples)/2], p.samples[len(p.samples)-1]
	grown := end.RSS - middle.RSS
	fmt.Fprintf(stdout, "\nin %v; resident memory over the last half: %+d kB\n", (end.At - p.samples[0].At).Round(time.Second), grown/1024)
	if limit := int64(p.grow * raceFactor * (1 << 20)); grown >= limit {
		wrong = append(wrong, fmt.Sprintf("resident memory grew by %d kB over the last half: %d are the limit", grown/1024, limit/1024))
	}
	if alive := end.Objects(); alive != 0 {
		wrong = append(wrong, fmt.Sprintf("%d GSocketConnections are alive when nobody is connected", alive))
	}
	return verdict(stdout, wrong)
}
