package sys

import (
	"math"
	"os"
	"strconv"
	"strings"
)

// unknownBacklog is the kernel's default of net.core.somaxconn. listen(2) lowers it
// to what that really is.
const unknownBacklog = 4096

// MaxBacklog is the longest queue that listen(2) grants (net.core.somaxconn), which
// may change at any time.
func MaxBacklog() int {
	b, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	if err != nil { // no /proc, or no descriptor
		return unknownBacklog
	}
	return parseBacklog(string(b))
}

func parseBacklog(s string) int {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n <= 0 { // a queue of 0 would refuse the second client
		return unknownBacklog
	}
	return int(min(n, math.MaxInt32)) // listen(2) takes an int
}
