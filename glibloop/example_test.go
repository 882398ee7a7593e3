package glibloop_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/diamondburned/gotk4/pkg/glib/v2"

	"github.com/glibserve/glibserve/glibloop"
)

func Example() {
	loop := glibloop.New()
	defer loop.Close()

	// State that only the loop's thread touches needs no lock.
	count := 0
	for range 10 {
		_ = loop.Post(func() { count++ })
	}
	n, err := glibloop.Call(context.Background(), loop, func() (int, error) { return count, nil })
	fmt.Println(n, err)
	// Output: 10 <nil>
}

func ExampleDefault() {
	loop := glibloop.Default()
	ctx, cancel := context.WithCancel(context.Background())

	// Any goroutine can hand functions to the loop, before it runs and after.
	go func() {
		_ = loop.Post(func() { fmt.Println("on the loop:", loop.OnLoop()) })
		_ = loop.Post(cancel)
	}()

	// A GTK program calls its application's Run here instead.
	fmt.Println(loop.Run(ctx))
	// Output:
	// on the loop: true
	// context canceled
}

func ExampleAdopt() {
	mainContext := glib.NewMainContext()
	mainLoop := glib.NewMainLoop(mainContext, false)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		mainLoop.Run() // or some C library, on a thread of its own
	}()

	loop := glibloop.Adopt(mainContext)
	_ = loop.Post(func() { fmt.Println("on the loop:", loop.OnLoop()) })
	_ = loop.Post(mainLoop.Quit)
	<-ended
	_ = loop.Close()
	// Output: on the loop: true
}

// As in C: what is made while a context is pushed belongs to it.
func ExampleThreadDefault() {
	runtime.LockOSThread() // a context is pushed for this thread alone
	defer runtime.UnlockOSThread()
	mainContext := glib.NewMainContext()
	mainContext.PushThreadDefault()
	defer mainContext.PopThreadDefault()

	loop := glibloop.ThreadDefault()
	defer loop.Close()
	fmt.Println(loop == glibloop.Adopt(mainContext), loop == glibloop.Default())
	_ = loop.Post(func() { fmt.Println("on the loop:", loop.OnLoop()) })
	mainContext.Iteration(false)
	// Output:
	// true false
	// on the loop: true
}

func ExampleLoop_Call() {
	loop := glibloop.New()
	defer loop.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := loop.Call(ctx, func() error { return errors.New("refused") })
	fmt.Println(err)
	// Output: refused
}

func ExampleLoop_PostLatest() {
	loop := glibloop.Default() // nobody runs it yet: everything waits
	type progress struct{}     // a key of the program's own

	for percent := range 101 {
		_ = loop.PostLatest(progress{}, func() { fmt.Println("progress:", percent, "%") })
	}
	_ = loop.Post(loop.Quit)
	_ = loop.Run(context.Background())
	// Output: progress: 100 %
}

func ExamplePanicError() {
	loop := glibloop.New()
	defer loop.Close()

	err := loop.Call(context.Background(), func() error { panic("no such row") })
	var p *glibloop.PanicError
	if errors.As(err, &p) {
		fmt.Println(p.Value, len(p.Stack) > 0)
	}
	// Output: no such row true
}

func ExampleLoop_AfterFunc() {
	loop := glibloop.New()
	defer loop.Close()

	fired := make(chan string)
	loop.AfterFunc(time.Millisecond, func() { fired <- "in time" })
	late := loop.AfterFunc(time.Hour, func() { fired <- "late" })
	fmt.Println(<-fired, late.Stop())
	// Output: in time true
}

func ExampleLoop_Run() {
	loop := glibloop.Default()

	// A loop inside of a function of the loop: a modal dialog.
	_ = loop.Post(func() {
		_ = loop.Post(func() {
			fmt.Println("answered")
			loop.Quit() // the inner one
		})
		fmt.Println("asked:", loop.Run(context.Background()))
		loop.Quit()
	})
	fmt.Println("done:", loop.Run(context.Background()))
	// Output:
	// answered
	// asked: <nil>
	// done: <nil>
}

func ExampleLoop_Close() {
	loop := glibloop.New()
	_ = loop.Post(func() { fmt.Println("posted before") })
	_ = loop.Close()
	fmt.Println(loop.Post(func() {}))
	// Output:
	// posted before
	// glibloop: loop is closed
}
