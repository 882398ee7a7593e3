// Package glibloop lets goroutines work with a GLib main loop.
//
// GLib and the libraries on it, GIO and GTK, call back from a main loop, which
// is one thread that iterates a GMainContext, and much of their state may be
// touched from that thread only. A [Loop] is such a context together with a
// queue: any goroutine hands functions to it, and the loop's thread runs them.
//
//	loop := glibloop.New()
//	defer loop.Close()
//	name, err := glibloop.Call(ctx, loop, func() (string, error) {
//		return label.Text(), nil // on the loop's thread
//	})
//
// # Which loop
//
// [New] makes a private loop that already runs on a thread of its own. [Default]
// is the default main context, which GTK or a GApplication iterates, or
// [Loop.Run]. [Adopt] is any other context, iterated by somebody else, and
// [ThreadDefault] the one that the calling thread has pushed as its default. There is
// one Loop for a context.
//
// # Which call
//
//   - [Loop.Post] queues and returns. It never runs the function inline and
//     never blocks; functions run in the order in which they were posted.
//   - [Loop.PostLatest] replaces what is still queued under a key: for a program
//     that shows a state, of which only the newest matters.
//   - [Loop.Invoke] runs the function inline when the caller is on the loop's
//     thread already, and is Post otherwise.
//   - [Loop.Call], and [Call] for a function with a result, wait until the
//     function has run, and run it inline on the loop's own thread.
//   - [Loop.AfterFunc] posts after a time.
//
// # What blocks, and what deadlocks
//
// Only Call, Run and Close block. Functions run on the loop's one thread, so
// each must return soon: while it runs, nothing else of that loop does. A
// function that waits for a goroutine which is itself in Call, or in Close, on
// the same loop waits for ever, and so do two loops that Call one another.
// Start a goroutine for what takes long, and Post what it finds.
//
// Functions may iterate the context themselves, as a modal dialog does: those
// behind them in the queue then run inside, still once and in order.
//
// # Order and fairness
//
// Functions run at GLib's default priority, and other sources of that priority
// have their turn after 64 functions or 1 ms. All in all, functions may take as
// much time there as they leave to the rest of the context, and 1 ms at once when
// that had nothing to do. What is more waits below GTK's redraw: it goes on at
// once unless something else is ready, and after 10 ms in any case. So a flood
// of posts costs a window none of its frames, and nothing that keeps the loop
// busy keeps the posts from running. A loop that has nothing else to do runs them
// without a wait.
//
// What a flood costs instead is time: posted faster than they can run,
// functions wait longer and longer, and in memory. Use [Loop.Call], which waits,
// where each of them has to run, and [Loop.PostLatest] where the newest is enough.
//
// # Panics
//
// A panic in a posted function ends the program, with the stack of the panic
// and the place where the function was posted: below it are frames of C, which
// must not be unwound. In Call it becomes a [*PanicError]. A function that
// leaves by [runtime.Goexit] ends the program too. In a test, that means not to
// use t.FailNow, or testify's require, inside of these functions: return the
// error from Call instead.
//
// # Debugging
//
// With the environment variable GLIBSERVE_DEBUG=stall, a function that holds the
// loop's thread for a second, or with stall=100ms for that long, is logged by
// [log/slog.Default]: where it was posted, and the stack of its goroutine; and
// once more when it has returned. One that iterates the context meanwhile, as a
// modal dialog does, holds nobody. Callbacks of other libraries on the thread are
// seen by [Loop.Watch] alone.
//
// # In a bubble of testing/synctest
//
// Loops made outside of a bubble work inside, and the other way round. Functions
// run on whatever goroutine iterates the context, which for a loop of [New] is in
// the bubble that called New, or in none: what they touch must belong there. A
// wait for a loop, and a loop of the bubble's own, are not durably blocked: the
// bubble's clock stands still and synctest.Wait waits for them. A bubble ends
// only after the loops that it made were closed. AfterFunc goes by the clock of
// the bubble that calls it.
//
// # When not to use it
//
// glibloop is for what has to happen on a main loop's thread. It is not a
// worker pool, and a context that nobody iterates is served by Call only as a
// makeshift: what was posted stays in the queue until somebody calls or
// iterates.
package glibloop
