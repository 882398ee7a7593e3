//go:build linux

package server

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"syscall"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"
)

// Sabotages are the ways in which the server can be made to fail, so that tests
// see the soak find it.
var Sabotages = []string{"corrupt", "lose", "descriptors", "memory", "goroutines", "objects"}

// sabotage is one of Sabotages, or nothing. It hits every so many connections.
type sabotage struct {
	how  string
	n    atomic.Uint64
	kept atomic.Pointer[kept]
}

type kept struct {
	memory []byte
	next   *kept
}

func (s *sabotage) set(how string) error {
	if how != "" && !slices.Contains(Sabotages, how) {
		return fmt.Errorf("no sabotage %q", how)
	}
	s.how = how
	return nil
}

func (s *sabotage) every(n uint64) bool { return s.n.Add(1)%n == 0 }

func (s *sabotage) corrupts() bool { return s.how == "corrupt" && s.every(20) }

// begin is called with each connection. An error ends it.
func (s *sabotage) begin(c net.Conn) error {
	switch s.how {
	case "lose":
		if s.every(20) {
			return errors.New("sabotage")
		}
	case "descriptors":
		if s.every(5) {
			_, err := syscall.Dup(0)
			return err
		}
	case "memory":
		k := &kept{memory: make([]byte, 32<<10)}
		for i := range k.memory {
			k.memory[i] = 1 // resident, not only promised
		}
		k.next = s.kept.Swap(k)
	case "goroutines":
		go func() { select {} }()
	case "objects":
		if s.every(10) {
			c.(interface {
				Gotk4() *gotkgio.SocketConnection
			}).Gotk4() // keeps the object for good
		}
	}
	return nil
}
