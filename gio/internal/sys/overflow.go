package sys

import (
	"os"
	"strconv"
	"strings"
	"sync"
)

// nobodyID is the kernel's default for either.
const nobodyID = 65534

// OverflowUID and OverflowGID are what the kernel answers for a user or group that
// has no ID in this process's user namespace.
var (
	OverflowUID = sync.OnceValue(func() int { return overflowID("/proc/sys/kernel/overflowuid") })
	OverflowGID = sync.OnceValue(func() int { return overflowID("/proc/sys/kernel/overflowgid") })
)

func overflowID(path string) int {
	b, err := os.ReadFile(path)
	if err != nil {
		return nobodyID
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return nobodyID
	}
	return n
}
