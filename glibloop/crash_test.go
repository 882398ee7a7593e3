package glibloop_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/diamondburned/gotk4/pkg/glib/v2"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/glibloop"
)

// Each of these is a program that has to crash, with the function that posted
// in its name: that is the place the message has to tell.
var crashes = []struct {
	name string
	run  func()
	want []string
}{
	{"panic in Post", postExplosion, []string{"boom", "postExplosion", "crash_test.go:", "glibloop_test.explode"}},
	{"panic in Post of a method", postMethod, []string{"boom", "postMethod", "bomb.explode"}},
	{"panic in Post of an error", postError, []string{"index out of range", "postError"}},
	{"panic in Invoke", invokeExplosion, []string{"boom", "invokeExplosion"}},
	{"panic in PostLatest", latestExplosion, []string{"boom", "latestExplosion", "glibloop_test.explode"}},
	{"panic in AfterFunc", timeExplosion, []string{"boom", "timeExplosion"}},
	{"panic below a recover", recoverExplosion, []string{"boom", "recoverExplosion"}},
	{"panic while a Call assists", assistExplosion, []string{"boom", "assistExplosion"}},
	{"panic in a nested drain", nestedExplosion, []string{"boom", "nestedExplosion"}},
	{"Goexit in Post", postGoexit, []string{"runtime.Goexit", "postGoexit"}},
	{"Goexit in PostLatest", latestGoexit, []string{"runtime.Goexit", "latestGoexit"}},
	{"Goexit in Call", callGoexit, []string{"runtime.Goexit", "callGoexit"}},
	{"Goexit in Call of a value", callValueGoexit, []string{"runtime.Goexit", "callValueGoexit"}},
	{"Goexit in an inline Call", inlineGoexit, []string{"runtime.Goexit", "inlineGoexit"}},
	{"Goexit in a callback on the thread of New", callbackGoexit, []string{"runtime.Goexit", "callback"}},
}

func init() {
	for _, c := range crashes {
		children[c.name] = func() {
			c.run()
			select {} // the test's deadline ends this
		}
	}
}

func TestCrashNamesThePlaceOfPosting(t *testing.T) {
	for _, c := range crashes {
		t.Run(c.name, func(t *testing.T) {
			status, output := child(t, c.name)
			require.Equal(t, 2, status, "a Go program that panics:\n%s", output)
			for _, want := range c.want {
				require.Contains(t, output, want)
			}
			require.Contains(t, output, "panic: glibloop: ")
			require.NotContains(t, output, "replaced")
		})
	}
}

func boom() { _ = explode("boom") }

type bomb struct{ value string }

func (b bomb) explode() { panic(b.value) }

func postExplosion() { _ = glibloop.New().Post(boom) }
func postMethod()    { _ = glibloop.New().Post(bomb{"boom"}.explode) }
func postError() {
	var none []int
	_ = glibloop.New().Post(func() { none[0]++ })
}
func invokeExplosion() { _ = glibloop.New().Invoke(boom) }
func timeExplosion()   { glibloop.New().AfterFunc(0, boom) }

// The place is that of the function that ran, not of the one that it replaced.
func latestExplosion() {
	l := glibloop.New()
	blocked, end := make(chan struct{}), make(chan struct{})
	_ = l.Post(func() { close(blocked); <-end })
	<-blocked
	replaced(l)
	_ = l.PostLatest("k", boom)
	close(end)
}

func replaced(l *glibloop.Loop) { _ = l.PostLatest("k", func() {}) }

func latestGoexit() { _ = glibloop.New().PostLatest("k", runtime.Goexit) }

func recoverExplosion() {
	l := glibloop.Default()
	_ = l.Post(boom)
	defer func() { fmt.Println("recovered", recover()) }()
	_ = l.Run(bg)
}

func assistExplosion() {
	l := glibloop.Default()
	_ = l.Post(boom)
	defer func() { fmt.Println("recovered", recover()) }()
	_ = l.Call(bg, func() error { return nil })
}

func nestedExplosion() {
	l := glibloop.New()
	_ = l.Call(bg, func() error {
		_ = l.Post(boom)
		for {
			l.MainContext().Iteration(true)
		}
	})
}

func postGoexit() { _ = glibloop.New().Post(runtime.Goexit) }

func callGoexit() {
	_ = glibloop.New().Call(bg, func() error { runtime.Goexit(); return nil })
}

func callValueGoexit() {
	_, _ = glibloop.Call(bg, glibloop.New(), func() (int, error) { runtime.Goexit(); return 0, nil })
}

func inlineGoexit() {
	l := glibloop.New()
	_ = l.Call(bg, func() error {
		return l.Call(bg, func() error { runtime.Goexit(); return nil })
	})
}

func callbackGoexit() {
	source := glib.NewIdleSource()
	source.SetCallback(func() bool { runtime.Goexit(); return false })
	source.Attach(glibloop.New().MainContext())
}
