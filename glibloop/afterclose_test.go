package glibloop_test

import (
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/glibloop"
)

// Every method of a closed loop, several times at once: a new one without an
// entry here fails the test.
func TestEveryMethodAfterClose(t *testing.T) {
	for name, l := range map[string]*glibloop.Loop{"New": glibloop.New(), "Adopt": adopted(t)} {
		t.Run(name, func(t *testing.T) {
			never := func() { t.Error("a function has run") }
			timer := l.AfterFunc(time.Hour, never)
			require.NoError(t, l.Close())
			stopped := func(err error) { assert.ErrorIs(t, err, glibloop.ErrStopped) }
			afterClose(t, l, map[string]func(){
				"AfterFunc":   func() { assert.False(t, l.AfterFunc(0, never).Stop()) },
				"Call":        func() { stopped(l.Call(bg, func() error { never(); return nil })) },
				"Close":       func() { assert.NoError(t, l.Close()) },
				"Done":        func() { <-l.Done() },
				"Invoke":      func() { stopped(l.Invoke(never)) },
				"MainContext": func() { assert.NotNil(t, l.MainContext()) },
				"OnLoop":      func() { assert.False(t, l.OnLoop()) },
				"Post":        func() { stopped(l.Post(never)) },
				"PostLatest":  func() { stopped(l.PostLatest("key", never)) },
				"Quit":        l.Quit,
				"Run":         func() { assert.Error(t, l.Run(bg)) },
				"Watch":       func() { l.Watch("nothing")() },
				"WatchAt":     func() { l.WatchAt("nothing", 0, nil)() },
			})
			afterClose(t, timer, map[string]func(){"Stop": func() { assert.False(t, timer.Stop()) }})
		})
	}
}

func afterClose(t *testing.T, object any, table map[string]func()) {
	typ := reflect.TypeOf(object)
	for i := range typ.NumMethod() {
		_, known := table[typ.Method(i).Name]
		require.True(t, known, "what does %v.%s do after Close?", typ, typ.Method(i).Name)
	}
	for name, call := range table {
		hangs := time.AfterFunc(patience, func() { panic(name + " hangs") })
		var all sync.WaitGroup
		for range 4 {
			all.Add(1)
			go func() {
				defer all.Done()
				call()
				call()
			}()
		}
		all.Wait()
		hangs.Stop()
	}
}
