//go:build linux

package main

import "time"

// mostOwed bounds what is caught up with when the server, or this process, was
// too slow for the pace: a flood would be another kind of load.
const mostOwed = 100 * time.Millisecond

// pace begins operations at a steady rate. Connections wait for their turn in the order
// in which they became free. One worker uses it.
type pace struct {
	interval float64 // ns from one operation to the next; 0: no pace, each begins at once
	due      float64 // when the next one begins, on the worker's clock
	waiting  []*conn
}

// newPace is one worker's part of rate operations a second; 0 is no limit.
func newPace(rate, workers int) pace {
	if rate == 0 {
		return pace{}
	}
	return pace{interval: 1e9 * float64(workers) / float64(rate)}
}

func (p *pace) limits() bool { return p.interval > 0 }

// wait has c wait for its turn.
func (p *pace) wait(c *conn) {
	if !c.waiting {
		c.waiting = true
		p.waiting = append(p.waiting, c)
	}
}

// start makes now the time of the first operation.
func (p *pace) start(now int64) { p.due = float64(now) }

// next is a connection whose turn it is by now; nil when there is none.
func (p *pace) next(now int64) *conn {
	if p.due < float64(now)-float64(mostOwed) {
		p.due = float64(now) - float64(mostOwed)
	}
	if len(p.waiting) == 0 || p.due > float64(now) {
		return nil
	}
	p.due += p.interval
	c := p.waiting[0]
	p.waiting = p.waiting[1:]
	c.waiting = false
	return c
}

// timeout is how long epoll may wait, in its milliseconds.
func (p *pace) timeout() int {
	if p.limits() {
		return 1
	}
	return 50
}
