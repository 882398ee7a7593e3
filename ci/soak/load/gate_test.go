//go:build linux

package load

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGateExcusesOnlyWhatACloseMayCut(t *testing.T) {
	g := newGate()
	before := g.enter()
	require.False(t, g.excuses(before, false), "nothing has happened")

	g.turn(true)
	<-before.hurry
	during := g.enter()
	for _, e := range []entry{before, during} {
		require.True(t, g.excuses(e, false), "it may have waited in the queue")
		require.False(t, g.excuses(e, true), "Shutdown waits for its handler")
	}
	g.turn(true)
	after := g.enter()
	require.True(t, g.excuses(before, false))
	require.False(t, g.excuses(before, true))
	require.False(t, g.excuses(after, false), "the service was open all the time")

	g.turn(false)
	require.True(t, g.excuses(after, true), "Close cuts")
	g.turn(false)
	require.True(t, g.excuses(after, true))
	require.False(t, g.excuses(g.enter(), false))
}
