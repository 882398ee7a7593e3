//go:build linux

package main

import (
	"fmt"
	"io"
	"time"

	"github.com/glibserve/glibserve/ci/internal/proc"
	"github.com/glibserve/glibserve/ci/soak/load"
)

const progressEvery = time.Second

// showProgress writes a line a second until the function that it returns is called.
func (p *pair) showProgress(w io.Writer) (end func()) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		began, last, before := time.Now(), time.Now(), load.Progress{}
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			var now load.Progress
			if p.load.Call("progress", nil, &now) != nil {
				return // whoever commands it is told, too
			}
			m, _ := proc.ReadMemory(p.server.PID())
			passed := time.Since(last).Seconds()
			last = time.Now()
			fmt.Fprintf(w, "%6s  %6.0f connections/s  %6.1f MiB/s  %4d open  %d failed  resident %5.1f MiB  %d threads\n",
				time.Since(began).Round(time.Second), float64(now.Begun-before.Begun)/passed, mib(int64(now.Bytes-before.Bytes))/passed,
				now.Open, now.Failed, mib(m.RSS), m.Threads)
			before = now
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}
