package web_test

import (
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/hub"
	"github.com/glibserve/glibserve/examples/chat/web"
)

// counted waits until the page was told of these rooms, the most crowded first.
func (p *page) counted(want map[string]int) {
	p.t.Helper()
	for {
		told := map[string]int{}
		for _, room := range p.expect("counts").Rooms {
			told[room.Name] = room.People
		}
		if len(told) == len(want) {
			same := true
			for name, n := range want {
				same = same && told[name] == n
			}
			if same {
				return
			}
		}
	}
}

// Everybody is told how many are in each room, also in those where they are not.
func TestCountsChangeAsPeopleComeAndGo(t *testing.T) {
	s := serve(t, hub.New(hub.Config{}), web.Config{Heartbeat: time.Hour})
	watcher := s.open()
	watcher.counted(map[string]int{"lobby": 1})
	alice, bob := s.enter("alice"), s.enter("bob")
	watcher.counted(map[string]int{"lobby": 3})
	alice.send("/join attic")
	watcher.counted(map[string]int{"lobby": 2, "attic": 1})
	bob.send("/join attic")
	watcher.counted(map[string]int{"lobby": 1, "attic": 2})
	bob.counted(map[string]int{"lobby": 1, "attic": 2})
	require.NoError(t, alice.conn.Close(websocket.StatusGoingAway, ""))
	watcher.counted(map[string]int{"lobby": 1, "attic": 1})
	bob.send("/quit")
	watcher.counted(map[string]int{"lobby": 1})

	bob = s.enter("bob")
	bob.send("/join attic")
	bob.send("/topic the roof")
	for {
		e := watcher.expect("counts")
		if len(e.Rooms) == 2 && e.Rooms[0].Topic+e.Rooms[1].Topic == "the roof" {
			break
		}
	}
}
