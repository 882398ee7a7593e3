package cluster

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

// Who reads on is not taken for one who does not, however much comes at once
// when the link is back.
func TestWhatWasMissedComesAtAPaceThatAQueueTakes(t *testing.T) {
	s := newSim(t, 0, 1)
	s.queue = 0 // as long as it is for those who set nothing
	for range 3 {
		s.add()
	}
	s.linkAll()
	s.servers[0].down()
	const lines = 400
	for i := range lines {
		for _, server := range s.servers {
			server.probe.Input(fmt.Sprint(i))
		}
		s.readOn(paceTime)
	}
	s.servers[0].up()
	s.readOn(10 * time.Second)
	for _, server := range s.servers {
		said := make(map[string][]string)
		for _, e := range server.probe.events {
			if e.Kind == hub.Said {
				said[e.From] = append(said[e.From], e.Text)
			}
		}
		require.Len(t, said, len(s.servers), "on %s", server.node.id)
		for name, texts := range said {
			require.Len(t, texts, lines, "of %s on %s", name, server.node.id)
		}
	}
}

// readOn lets time go by in which people read what comes.
func (s *sim) readOn(d time.Duration) {
	for ; d > 0; d -= paceTime {
		s.pass(paceTime)
		for _, server := range s.servers {
			server.probe.see()
		}
	}
}
