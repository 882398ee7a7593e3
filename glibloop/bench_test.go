package glibloop_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/diamondburned/gotk4/pkg/glib/v2"

	"github.com/glibserve/glibserve/glibloop"
	"github.com/glibserve/glibserve/glibloop/internal/cpeer"
)

// produce calls post b.N times, spread over n goroutines, and waits until done
// was called as often.
func produce(b *testing.B, n int, post func(done func())) {
	var left sync.WaitGroup
	left.Add(b.N)
	done := left.Done
	b.ReportAllocs()
	b.ResetTimer()
	for i := range n {
		share := b.N / n
		if i < b.N%n {
			share++
		}
		go func() {
			for range share {
				post(done)
			}
		}()
	}
	left.Wait()
}

func BenchmarkPost(b *testing.B) {
	for _, n := range []int{1, 4, 16} {
		b.Run(fmt.Sprintf("producers=%d/peer=glibloop", n), func(b *testing.B) {
			loop := glibloop.New()
			defer loop.Close()
			produce(b, n, func(done func()) { _ = loop.Post(done) })
		})
		b.Run(fmt.Sprintf("producers=%d/peer=C-invoke", n), func(b *testing.B) {
			loop := cpeer.NewLoop()
			defer loop.Close()
			b.ResetTimer()
			loop.Invoke(b.N, n)
		})
		b.Run(fmt.Sprintf("producers=%d/peer=gotk4-IdleAdd", n), func(b *testing.B) {
			runDefault(b)
			produce(b, n, func(done func()) { glib.IdleAdd(done) })
		})
	}
}

// A key for each producer: most of what is posted is replaced before it runs, so
// the producers' end is the end.
func BenchmarkPostLatest(b *testing.B) {
	for _, n := range []int{1, 4, 16} {
		b.Run(fmt.Sprintf("producers=%d/peer=glibloop", n), func(b *testing.B) {
			loop := glibloop.New()
			defer loop.Close()
			b.ReportAllocs()
			b.ResetTimer()
			var all sync.WaitGroup
			for i := range n {
				all.Add(1)
				go func() {
					defer all.Done()
					key, fn := new(int), func() {}
					for range (b.N + i) / n {
						_ = loop.PostLatest(key, fn)
					}
				}()
			}
			all.Wait()
		})
	}
}

func BenchmarkCall(b *testing.B) {
	b.Run("peer=glibloop", func(b *testing.B) {
		loop := glibloop.New()
		defer loop.Close()
		ctx := bg
		nothing := func() error { return nil }
		b.ReportAllocs()
		for b.Loop() {
			_ = loop.Call(ctx, nothing)
		}
	})
	b.Run("peer=glibloop-Default", func(b *testing.B) {
		runDefault(b)
		loop := glibloop.Default()
		ctx := bg
		nothing := func() error { return nil }
		b.ReportAllocs()
		for b.Loop() {
			_ = loop.Call(ctx, nothing)
		}
	})
	b.Run("peer=C-invoke", func(b *testing.B) {
		loop := cpeer.NewLoop()
		defer loop.Close()
		b.ResetTimer()
		loop.RoundTrip(b.N)
	})
	b.Run("peer=gotk4-IdleAdd", func(b *testing.B) {
		runDefault(b)
		done := make(chan struct{}, 1)
		signal := func() { done <- struct{}{} }
		b.ReportAllocs()
		for b.Loop() {
			glib.IdleAdd(signal)
			<-done
		}
	})
}

// runDefault runs the default main loop while b runs.
func runDefault(b *testing.B) {
	ctx, cancel := context.WithCancel(bg)
	ended := make(chan error, 1)
	go func() { ended <- glibloop.Default().Run(ctx) }()
	iterated(b, glibloop.Default())
	b.Cleanup(func() {
		cancel()
		<-ended
	})
}
