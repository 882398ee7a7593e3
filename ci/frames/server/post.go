package main

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/diamondburned/gotk4/pkg/glib/v2"

	"github.com/glibserve/glibserve/ci/frames/window"
	"github.com/glibserve/glibserve/glibloop"
)

// ways to have a function run on the main thread that changes the label.
var ways = map[string]struct {
	about  string
	change func(poster int, fn func())
}{
	"": {"nothing is posted", nil},
	"post": {"glibloop: Post", func(_ int, fn func()) {
		_ = glibloop.Default().Post(fn)
	}},
	"latest": {"glibloop: PostLatest", func(poster int, fn func()) {
		_ = glibloop.Default().PostLatest(poster, fn)
	}},
	"call": {"glibloop: Call", func(_ int, fn func()) {
		_ = glibloop.Default().Call(context.Background(), func() error { fn(); return nil })
	}},
	"idle": {"gotk4: glib.IdleAdd", func(_ int, fn func()) { glib.IdleAdd(fn) }},
}

// posters is how many goroutines share the label's changes.
const posters = 4

// mostOwed is what a poster catches up with when it, or its way, was too slow
// for the rate.
const mostOwed = 100 * time.Millisecond

// poster changes the label at a rate.
type poster struct {
	way     func(poster int, fn func())
	rate    int
	stopped chan struct{}
	all     sync.WaitGroup
}

func (p *poster) start() {
	if p.way == nil || p.stopped != nil {
		return
	}
	p.stopped = make(chan struct{})
	for i := range posters {
		p.all.Add(1)
		go func() {
			defer p.all.Done()
			p.post(i)
		}()
	}
}

func (p *poster) stop() {
	if p.stopped != nil {
		close(p.stopped)
		p.all.Wait()
		p.stopped = nil
	}
}

// post is one goroutine. Each millisecond it asks for what is due since the last one.
func (p *poster) post(i int) {
	interval := posters * time.Second / time.Duration(p.rate)
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	shown := 0 // on the main thread
	due := time.Now()
	for n := 1; ; {
		select {
		case <-p.stopped:
			return
		case <-ticker.C:
		}
		now := time.Now()
		if late := now.Add(-mostOwed); due.Before(late) {
			due = late
		}
		for ; due.Before(now); due = due.Add(interval) {
			number := n
			n++
			window.Asked()
			p.way(i, func() {
				window.SetLabel("<b>poster "+strconv.Itoa(i)+"</b>: message <i>"+strconv.Itoa(number)+"</i>", number > shown)
				shown = number
			})
			select {
			case <-p.stopped:
				return
			default:
			}
		}
	}
}
