package gio_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio/internal/test/plaingio"
)

// plainScenes are run in a process of their own: some leave behind what GIO
// never gives back.
var plainScenes = map[string]func() (bool, error){
	"StopKeepsTheQueue":      plaingio.StopKeepsTheQueue,
	"StartBeforeAddAccepts":  plaingio.StartBeforeAddAccepts,
	"SecondListenerIsServed": plaingio.SecondListenerIsServed,
	"ThreadedGoesOn":         plaingio.ThreadedGoesOn,
	"StopHoldsAtMaxThreads":  plaingio.StopHoldsAtMaxThreads,
	"SetBacklogNotifies":     plaingio.SetBacklogNotifies,
}

func init() {
	helpers["plain GIO"] = func(args []string) error {
		keeps, err := plainScenes[args[0]]()
		fmt.Println(keeps)
		return err
	}
}

// What GIO does without this library. When one of these fails, the installed
// GLib keeps the promise by itself: enter its version as repaired, and let the
// library leave it alone from there on.
func TestPlainGIOBreaksThePromise(t *testing.T) {
	var now [3]int
	_, err := fmt.Sscanf(pkgConfig(t, "--modversion", "gio-2.0"), "%d.%d.%d", &now[0], &now[1], &now[2])
	require.NoError(t, err)
	for _, c := range []struct {
		promise  string // the test that shows it of the library
		scene    string
		repaired [3]int // the first GLib that keeps it; zero: none yet
	}{
		{"TestStopLosesNoClient", "StopKeepsTheQueue", [3]int{2, 85, 3}},
		{"TestStartBeforeAnyAddressIsRemembered", "StartBeforeAddAccepts", [3]int{}},
		{"TestSecondListenerIsNotStarved", "SecondListenerIsServed", [3]int{}},
		{"TestMaxThreadsHoldsAndTheServiceGoesOn", "ThreadedGoesOn", [3]int{}},
		{"TestAWorkersEndDoesNotUndoTheUsersStop", "StopHoldsAtMaxThreads", [3]int{}},
		{"TestBacklogIsWhatWasSetByWhomever", "SetBacklogNotifies", [3]int{}},
	} {
		t.Run(c.promise, func(t *testing.T) {
			repaired := c.repaired != [3]int{} && !before(now, c.repaired)
			out, err := helper(t, "plain GIO", c.scene).Output()
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintln(repaired), string(out), "does GLib %v keep the promise?", now)
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
