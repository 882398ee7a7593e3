//go:build linux

package main

import (
	"fmt"

	"github.com/glibserve/glibserve/ci/soak/wire"
)

// disagreements are where the two sides tell different stories of what came to
// its end: of each kind whose every client is to be served, the server must have
// served as many and taken as many bytes, less those that a Close cut.
func disagreements(clients, handlers wire.Counts) (all []string) {
	for k := range wire.Kinds {
		switch k {
		case wire.Silent, wire.Garbage, wire.Reset, wire.Vanish, wire.Stalled:
			continue
		}
		c, h := clients[k], handlers[k]
		if h.Done < c.Done {
			all = append(all, fmt.Sprintf("%v: %d clients were served to the end, and handlers know of %d", k, c.Done, h.Done))
		}
		// What was cut is counted by both, each as far as it came.
		if c.Excused == 0 && h.Excused == 0 && c.Lost == 0 && h.Lost == 0 && (h.Up != c.Up || h.Down != c.Down) {
			all = append(all, fmt.Sprintf("%v: clients sent %d bytes and got %d, and handlers got %d and sent %d", k, c.Up, c.Down, h.Up, h.Down))
		}
	}
	return all
}
