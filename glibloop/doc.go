// Package glibloop lets goroutines work with a GLib main loop.
//
// GLib and the libraries on it, GIO and GTK, call back from a main loop, which
// is one thread that iterates a GMainContext, and much of their state may be
// touched from that thread only. A [Loop] is such a context together with a
// queue: any goroutine hands functions to it, and the loop's thread runs them.
//
//	loop := glibloop.Default() // the one that GTK runs
//	text, err := glibloop.Call(ctx, loop, func() (string, error) {
//		return entry.Text(), nil // on GTK's thread
//	})
//
// # Which loop
//
// [New] makes a private loop that already runs on a thread of its own. [Default]
// is the loop of the default main context, which GTK or a GApplication iterates; in a
// program without them, call its [Loop.Run]. [Adopt] is for any other context that
// somebody else iterates, and [ThreadDefault] for the one that the calling thread has
// pushed as its default. There is one Loop for a context.
//
// # Which call
//
//   - [Loop.Post] queues and returns. It never runs the function inline and
//     never blocks; functions run in the order in which they were posted.
//   - [Loop.PostLatest] takes a key besides, and replaces the function that is still
//     queued under it: for a program that shows a state, of which only the newest
//     matters.
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
// However many functions are posted, a window on the same context goes on drawing.
//
// Functions run at GLib's default priority, and other sources of that priority
// have their turn after 64 functions or 1 ms. All in all, functions get as much time at
// that priority as the rest of the context uses, and 1 ms at once when the rest had
// nothing to do. The functions beyond that wait at a priority below GTK's redraw: they
// go on at once unless something else is ready, and after 10 ms in any case. So a window
// loses no frames however many functions are posted, and a context that is always busy
// still runs them. A loop that has nothing else to do runs them without a wait.
//
// When functions are posted faster than they can run, each waits longer than the one
// before, and the queue takes more and more memory. Use [Loop.Call], which waits,
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
// modal dialog does, is not logged. A callback of another library is watched only
// if it calls [Loop.Watch].
//
// # In a bubble of testing/synctest
//
// A bubble is the set of goroutines of one [testing/synctest.Test], with a clock of
// their own. Loops made outside of a bubble work inside, and the other way round. Functions
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
// worker pool. While nobody iterates the context, Call does so itself, but what was
// posted stays in the queue until somebody calls Call or iterates the context.
package glibloop
