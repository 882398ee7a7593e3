package gio_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio/internal/plaingio"
)

// What GIO does without this library. When one of these fails, the installed
// GLib keeps the promise by itself: enter its version as repaired, and let the
// library leave it alone from there on.
func TestPlainGIOBreaksThePromise(t *testing.T) {
	var now [3]int
	_, err := fmt.Sscanf(pkgConfig(t, "--modversion", "gio-2.0"), "%d.%d.%d", &now[0], &now[1], &now[2])
	require.NoError(t, err)
	for _, c := range []struct {
		promise  string // the test that shows it of the library
		keeps    func() (bool, error)
		repaired [3]int // the first GLib that keeps it; zero: none yet
	}{
		{"TestStopLosesNoClient", plaingio.StopKeepsTheQueue, [3]int{2, 85, 3}},
		{"TestStartBeforeAnyAddressIsRemembered", plaingio.StartBeforeAddAccepts, [3]int{}},
		{"TestSecondListenerIsNotStarved", plaingio.SecondListenerIsServed, [3]int{}},
		{"TestMaxThreadsHoldsAndTheServiceGoesOn", plaingio.ThreadedGoesOn, [3]int{}},
		{"TestAWorkersEndDoesNotUndoTheUsersStop", plaingio.StopHoldsAtMaxThreads, [3]int{}},
		{"TestBacklogIsWhatWasSetByWhomever", plaingio.SetBacklogNotifies, [3]int{}},
	} {
		t.Run(c.promise, func(t *testing.T) {
			repaired := c.repaired != [3]int{} && !before(now, c.repaired)
			keeps, err := c.keeps()
			require.NoError(t, err)
			require.Equal(t, repaired, keeps, "GLib %v keeps the promise: %v", now, keeps)
		})
	}
}

func before(a, b [3]int) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}
