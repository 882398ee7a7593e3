package lines_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/hub"
	"github.com/glibserve/glibserve/examples/chat/lines"
)

func TestTheIdleAreTold(t *testing.T) {
	each(t, func(t *testing.T, on where) {
		s := serve(t, on, lines.Config{Hub: hub.New(hub.Config{}), IdleTimeout: 50 * time.Millisecond})
		p := s.dial()
		require.True(t, strings.HasSuffix(p.Rest(), "* Nothing came from you for 50ms, so this connection ends. Goodbye.\n"))
	})
}

func TestSingleBytesDoNotHoldAPlace(t *testing.T) {
	each(t, func(t *testing.T, on where) {
		s := serve(t, on, lines.Config{Hub: hub.New(hub.Config{}), IdleTimeout: 100 * time.Millisecond})
		p := s.dial()
		drip := time.NewTicker(5 * time.Millisecond)
		defer drip.Stop()
		go func() {
			for range drip.C {
				if _, err := p.Write([]byte("x")); err != nil {
					return
				}
			}
		}()
		require.Contains(t, p.Rest(), "Nothing came from you for 100ms")
	})
}

// Over both networks, with a client that does not read and one that does, the
// second must get every line at once while the first fills up.
func TestASlowReaderIsDisconnectedAndDelaysNobody(t *testing.T) {
	each(t, func(t *testing.T, on where) {
		h := hub.New(hub.Config{Queue: 20})
		s := serve(t, on, lines.Config{Hub: h, WriteTimeout: time.Hour})
		alice, bob, slow := s.enter("alice"), s.enter("bob"), s.enter("slow")
		if tcp, ok := slow.Conn.(*net.TCPConn); ok {
			require.NoError(t, tcp.SetReadBuffer(4096))
		}
		alice.Expect("is slow now")
		bob.Expect("is slow now")

		text := strings.Repeat("x", 950)
		var longest time.Duration
		for i := 0; h.Len() == 3; i++ {
			require.Less(t, i, 100_000, "nobody was disconnected")
			start := time.Now()
			alice.Send("%d %s\n", i, text)
			bob.Expect(fmt.Sprintf("alice: %d ", i))
			longest = max(longest, time.Since(start))
		}
		require.Less(t, longest, 5*time.Second)
		bob.Expect("<- slow left: too slow to read what is said\n")
		alice.Expect("<- slow left: too slow to read what is said\n")
	})
}

func TestAWriteThatTakesTooLongEndsTheConnection(t *testing.T) {
	each(t, func(t *testing.T, on where) {
		h := hub.New(hub.Config{Queue: 1_000_000})
		s := serve(t, on, lines.Config{Hub: h, WriteTimeout: 50 * time.Millisecond})
		bob := s.enter("bob")
		slow := s.enter("slow")
		bob.Expect("is slow now")
		go func() {
			for err := error(nil); err == nil; {
				_, err = slow.Write([]byte("/help\n")) // asks, but does not read the answers
			}
		}()
		bob.Expect("<- slow left: too slow to read what is said\n")
	})
}

// The peer reads well enough for every single write, but would take seconds
// for all that waits.
func TestTheLastOfTheQueueIsNotWaitedForLong(t *testing.T) {
	each(t, func(t *testing.T, on where) {
		h := hub.New(hub.Config{Queue: 1_000_000})
		s := serve(t, on, lines.Config{Hub: h, WriteTimeout: 200 * time.Millisecond})
		slow := s.enter("slow")
		go func() {
			if _, err := slow.Write([]byte(strings.Repeat("/help\n", 50_000))); err == nil {
				_ = slow.Conn.(interface{ CloseWrite() error }).CloseWrite()
			}
		}()

		var ended bool
		var read int
		buffer := make([]byte, 64<<10)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for ; !ended; <-tick.C {
			n, _ := slow.Read(buffer) // an error, too, is followed by the end
			read += n
			select {
			case <-s.ended:
				ended = true
			default:
			}
		}
		require.Less(t, read, 50_000*len(lines.Append(nil, &hub.Event{Kind: hub.Help}, 0))/2)
	})
}
