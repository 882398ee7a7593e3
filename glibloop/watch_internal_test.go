package glibloop

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheWordIsFoundAmongOthers(t *testing.T) {
	for variable, want := range map[string]time.Duration{
		"":                       0,
		"leaks":                  0,
		"stalls":                 0,
		"stall":                  time.Second,
		"leaks, stall":           time.Second,
		"stall=250ms":            250 * time.Millisecond,
		"leaks,stall=2s,another": 2 * time.Second,
		"stall=soon":             time.Second,
		"stall=-1s":              time.Second,
	} {
		require.Equal(t, want, parseStall(variable), variable)
	}
}

func TestGoroutineIsNamedAsInStacks(t *testing.T) {
	name := make(chan string)
	go func() { name <- goroutine() }()
	first := <-name
	require.Regexp(t, `^goroutine \d+$`, first)
	require.NotEqual(t, first, goroutine())
	require.Contains(t, (&watched{goroutine: goroutine()}).stack(), "TestGoroutineIsNamedAsInStacks")
}
