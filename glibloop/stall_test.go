package glibloop_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/diamondburned/gotk4/pkg/glib/v2"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/glibloop"
)

// stalls is a log that passes on what it is told.
type stalls struct {
	slog.Handler
	held, returned chan string
}

func (h stalls) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	if strings.Contains(r.Message, "returned") {
		h.returned <- r.Message
	} else {
		h.held <- r.Message
	}
	return err
}

// listenForStalls makes it the default one.
func listenForStalls() stalls {
	told := stalls{slog.NewTextHandler(os.Stdout, nil), make(chan string, 16), make(chan string, 16)}
	slog.SetDefault(slog.New(told))
	return told
}

func init() {
	children["stall in Post"] = func() {
		told := listenForStalls()
		postStall(glibloop.New(), told)
		<-told.returned
	}
	children["stall in Call"] = func() {
		told := listenForStalls()
		callStall(glibloop.New(), told)
		<-told.returned
	}
	children["stall in AfterFunc on a loop of Run"] = func() {
		told := listenForStalls()
		l := glibloop.Default()
		timeStall(l, told)
		_ = l.Run(bg)
		<-told.returned
	}
	children["stall inside a nested loop"] = func() {
		told := listenForStalls()
		l := glibloop.New()
		_ = l.Call(bg, func() error {
			postStall(l, told)
			for len(told.returned) == 0 {
				l.MainContext().Iteration(true)
			}
			return nil
		})
		<-told.returned
	}
	children["stall in a callback of C's"] = func() {
		told := listenForStalls()
		sourceStall(glibloop.New(), told)
		<-told.returned
	}
	children["nested loop that works"] = func() {
		told := listenForStalls()
		l := glibloop.New()
		_ = l.Call(bg, func() error {
			over := false
			l.AfterFunc(1300*time.Millisecond, func() { over = true }) // beyond limit and probe
			for !over {
				l.MainContext().Iteration(true)
			}
			return nil
		})
		fmt.Println("stalls told of:", len(told.held))
	}
	children["quick functions"] = func() {
		told := listenForStalls()
		l := glibloop.New()
		for range 1000 {
			_ = l.Post(func() {})
		}
		_ = l.Call(bg, func() error { l.Watch("watched function")(); return nil })
		fmt.Println("stalls told of:", len(told.held))
	}
}

func postStall(l *glibloop.Loop, told stalls) { _ = l.Post(func() { stallUntil(told) }) }

func callStall(l *glibloop.Loop, told stalls) {
	_ = l.Call(bg, func() error { stallUntil(told); return nil })
}

func timeStall(l *glibloop.Loop, told stalls) {
	l.AfterFunc(0, func() {
		stallUntil(told)
		l.Quit()
	})
}

func sourceStall(l *glibloop.Loop, told stalls) {
	source := glib.NewIdleSource()
	source.SetCallback(func() bool {
		defer l.Watch("handler of the idle source")()
		stallUntil(told)
		return false
	})
	source.Attach(l.MainContext())
}

// stallUntil holds the loop until that was noticed.
func stallUntil(told stalls) { <-told.held }

func TestStallIsToldOfOnceWithItsPlaceAndStack(t *testing.T) {
	t.Setenv("GLIBSERVE_DEBUG", "leaks,stall=100ms")
	for name, by := range map[string]string{
		"stall in Post":                       "postStall",
		"stall in Call":                       "callStall",
		"stall in AfterFunc on a loop of Run": "timeStall",
		"stall inside a nested loop":          "postStall",
		"stall in a callback of C's":          "sourceStall.func1",
	} {
		t.Run(name, func(t *testing.T) {
			status, out := child(t, name)
			require.Zero(t, status, out)
			require.Equal(t, 1, strings.Count(out, "a callback holds the main loop"), out)
			require.Equal(t, 1, strings.Count(out, "has returned"), out)
			require.Contains(t, out, "stall_test.go:")
			require.Contains(t, out, "by=github.com/glibserve/glibserve/glibloop_test."+by)
			require.Contains(t, out, "glibloop_test.stallUntil", "the stack")
			require.Regexp(t, `for=\d+ms`, out)
			require.Len(t, regexp.MustCompile(`goroutine \d+ \[`).FindAllString(out, -1), 1, "of that goroutine alone")
		})
	}
}

func TestWhatIsNoStallIsNotToldOf(t *testing.T) {
	t.Run("nested loop", func(t *testing.T) {
		t.Setenv("GLIBSERVE_DEBUG", "stall") // a second, and a quarter to answer
		status, out := child(t, "nested loop that works")
		require.Zero(t, status, out)
		require.Contains(t, out, "stalls told of: 0")
	})
	t.Run("quick functions", func(t *testing.T) {
		t.Setenv("GLIBSERVE_DEBUG", "stall")
		status, out := child(t, "quick functions")
		require.Zero(t, status, out)
		require.Contains(t, out, "stalls told of: 0")
	})
}
