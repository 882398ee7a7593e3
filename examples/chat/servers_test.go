package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/internal/natstest"
	"github.com/glibserve/glibserve/examples/shared/program"
	"github.com/glibserve/glibserve/examples/shared/servertest"
)

// startLinked starts a chat server that is linked by a NATS server. Its queues
// take all that a test says: a program is sometimes not run for a while, on a
// busy machine.
func startLinked(t *testing.T, url string) *servertest.Process {
	t.Helper()
	return servertest.Start(t, "-listen", "tcp:127.0.0.1:0", "-nats", url, "-nats-heartbeat", "250ms", "-rate", "0", "-queue", "10000")
}

// talker is somebody at a terminal, and every line that came.
type talker struct {
	net.Conn
	t    *testing.T
	name string

	mu      sync.Mutex
	lines   []string
	changed chan struct{} // closed and made anew with each line, and at the end
	ended   bool
}

// come connects to a server and takes a name.
func come(t *testing.T, server *servertest.Process, name string) *talker {
	t.Helper()
	conn, err := net.Dial("tcp", server.Addrs(1)[0].String())
	require.NoError(t, err)
	p := &talker{Conn: conn, t: t, name: name, changed: make(chan struct{})}
	read := make(chan struct{})
	go func() {
		defer close(read)
		scanner := bufio.NewScanner(conn)
		for more := true; more; {
			more = scanner.Scan()
			p.mu.Lock()
			if more {
				p.lines = append(p.lines, scanner.Text())
			}
			p.ended = !more
			close(p.changed)
			p.changed = make(chan struct{})
			p.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		conn.Close()
		<-read
		if t.Failed() {
			t.Logf("%s was shown:\n%s", name, strings.Join(p.lines, "\n"))
		}
	})
	p.send("/nick " + name)
	p.wait("* You are " + name + " now.")
	return p
}

func (p *talker) send(line string) {
	p.t.Helper()
	_, err := fmt.Fprintln(p, line)
	require.NoError(p.t, err)
}

// wait waits until a line came with that text in it.
func (p *talker) wait(text string) {
	p.t.Helper()
	p.until(text, func() bool { return len(p.with(text)) > 0 })
}

// until waits for done, which is called while the lines are locked.
func (p *talker) until(what string, done func() bool) {
	p.t.Helper()
	timeout := time.After(servertest.Patience)
	for {
		p.mu.Lock()
		ok, ended, changed := done(), p.ended, p.changed
		p.mu.Unlock()
		if ok {
			return
		}
		require.False(p.t, ended, "the end came before %q", what)
		select {
		case <-changed:
		case <-timeout:
			require.FailNow(p.t, "it did not come", "%s waits for %q", p.name, what)
		}
	}
}

// with are the lines with a text in them.
func (p *talker) with(text string) (found []string) {
	for _, line := range p.lines {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// meets waits until somebody else is in the room. What happens there is shown
// to who waits, so a question for each line that comes is enough.
func (p *talker) meets(other *talker) {
	p.t.Helper()
	p.send("/who")
	p.until("meeting "+other.name, func() bool {
		last := p.lines[len(p.lines)-1]
		if !strings.HasPrefix(last, "* In lobby (") {
			p.send("/who")
			return false
		}
		return strings.Contains(last, other.name)
	})
}

func TestThreeProgramsAreOneChatAcrossACut(t *testing.T) {
	target := natstest.Start(t)
	var servers []*servertest.Process
	var proxies []*natstest.Proxy
	var people []*talker
	for i := range 3 {
		proxies = append(proxies, natstest.NewProxy(t, target))
		servers = append(servers, startLinked(t, proxies[i].URL()))
		people = append(people, come(t, servers[i], fmt.Sprintf("person%d", i)))
	}
	for _, p := range people {
		for _, other := range people {
			p.meets(other)
		}
	}
	people = append(people, come(t, servers[1], "neighbour")) // of person1

	const lines = 40
	talk := func(part string) {
		for k := range lines {
			for _, p := range people {
				p.send(fmt.Sprintf("%s %d", part, k))
			}
		}
	}
	talk("before")
	proxies[1].Cut()
	people[1].wait("* The link to the other servers is down.")
	people[1].wait("<- person0 left: their server is out of reach")
	people[0].wait("<- person1 left: their server is out of reach")
	talk("during")
	people[3].wait(fmt.Sprintf("person1: during %d", lines-1))
	proxies[1].Mend()
	people[1].wait("* The link to the other servers is back.")
	talk("after")
	for _, p := range people {
		for _, other := range people {
			if p != other {
				p.wait(fmt.Sprintf("%s: after %d", other.name, lines-1))
			}
		}
	}
	servers[2].Signal(os.Interrupt)
	require.Equal(t, program.OK, servers[2].Wait())
	for _, p := range people[:2] {
		p.wait("<- person2 left: their server has ended")
	}
	people[0].send("/msg person1 goodbye")
	people[1].wait("person0 (private): goodbye")
	for _, server := range servers[:2] {
		server.Signal(os.Interrupt)
		require.Equal(t, program.OK, server.Wait())
	}

	for _, p := range people {
		p.until("the end", func() bool { return p.ended })
		for _, other := range people {
			var want, got []string
			for _, part := range []string{"before", "during", "after"} {
				for k := range lines {
					if p != other { // nc shows what is typed
						want = append(want, fmt.Sprintf("%s: %s %d", other.name, part, k))
					}
				}
			}
			for _, line := range p.with("] " + other.name + ": ") {
				_, said, _ := strings.Cut(line, "] ")
				got = append(got, said)
			}
			require.Equal(t, want, got, "%s of %s", p.name, other.name)
		}
	}
}

func TestAProgramStartsWithoutNATS(t *testing.T) {
	proxy := natstest.NewProxy(t, natstest.Start(t))
	proxy.Cut()
	alone, other := startLinked(t, proxy.URL()), startLinked(t, proxy.URL())
	person0, person1 := come(t, alone, "person0"), come(t, other, "person1")
	require.Contains(t, alone.Stderr(), "NATS cannot be reached: this server works alone until it can")
	neighbour := come(t, alone, "neighbour")
	neighbour.wait("* There is no link to the other servers yet: only people on this server hear you.")
	person0.send("hello")
	neighbour.wait("] person0: hello")
	proxy.Mend()
	person0.wait("* There is a link to the other servers now.")
	person0.meets(person1)
	person1.meets(person0)
	person0.send("hello, other server")
	person1.wait("] person0: hello, other server")
	person1.send("/nick person0")
	person1.wait("! The nickname person0 is taken by somebody on another server.")
}
