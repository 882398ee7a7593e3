package talk

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/glibserve/glibserve/examples/chat/hub"
	"github.com/glibserve/glibserve/examples/chat/lines"
	"github.com/glibserve/glibserve/examples/shared/listen"
	"github.com/glibserve/glibserve/gio"
)

const (
	// joinTime bounds the way to the other server.
	joinTime = 10 * time.Second

	// sendTime is how long the other server may take to accept a line.
	sendTime = 10 * time.Second

	// quitTime is how long it may take to answer /quit.
	quitTime = time.Second

	// longestLine is the longest line that is read from a server: a list of a
	// hundred names has some thousand bytes.
	longestLine = 64 << 10

	// joinedID stands for this person in what lines.Parse returns. Nobody else's
	// number is in the lines of a server.
	joinedID = 1
)

// Joined is the conversation on another server.
type Joined struct {
	place listen.Address
	conn  net.Conn
	typed *typed

	said     chan hub.Event // what was sent and the server does not send back
	quitting atomic.Bool
	started  atomic.Bool
	ended    chan struct{} // closed at the end of Run
	quietWho bool          // the next answer to /who is for the list alone; Run's own
}

var _ Conversation = (*Joined)(nil)

// Join connects to a server, with GIO's GSocketClient, and says who is coming
// if name is not empty. It blocks; its errors are sentences. Close what it
// returns.
func Join(ctx context.Context, place listen.Address, name string) (*Joined, error) {
	client := gio.NewSocketClient(&gio.ClientConfig{Timeout: joinTime})
	defer client.Close()
	conn, err := client.Dial(ctx, place.Network, place.Address)
	if err != nil {
		return nil, &joinError{place, err}
	}
	j := newJoined(place, conn)
	if name != "" {
		j.typed.add("/nick " + name)
	}
	return j, nil
}

func newJoined(place listen.Address, conn net.Conn) *Joined {
	return &Joined{place: place, conn: conn, typed: newTyped(), said: make(chan hub.Event), ended: make(chan struct{})}
}

// Status is nothing: the server is not in this process.
func (j *Joined) Status() string { return "" }

// Places names the server.
func (j *Joined) Places() []string { return []string{j.place.Network + " " + j.place.Address} }

// batch is what came from the server at once.
type batch struct {
	lines []string
	err   error // after which nothing comes
}

// Run shows what the server says, and sends it what is typed.
func (j *Joined) Run(show func(Update)) error {
	j.started.Store(true)
	came := make(chan batch)
	done := make(chan struct{})
	var helpers sync.WaitGroup
	helpers.Add(2)
	go func() { defer helpers.Done(); j.receive(came, done) }()
	go func() { defer helpers.Done(); j.send(done) }()
	defer func() {
		close(done)
		j.conn.Close()
		helpers.Wait()
		close(j.ended)
	}()

	room := &room{self: joinedID}
	for {
		var update Update
		var end error
		select {
		case b := <-came:
			for _, line := range b.lines {
				update.Lines = append(update.Lines, j.take(room, line)...)
			}
			end = b.err
		case e := <-j.said:
			e.From = room.state.Me
			update.Lines = room.apply(&e)
		}
		if len(update.Lines) > 0 || end == nil {
			update.Room = room.snapshot()
			show(update)
		}
		if end != nil {
			return j.reason(end)
		}
	}
}

// take shows one line of the server.
func (j *Joined) take(room *room, line string) []Line {
	now := time.Now()
	line = printable(line)
	e := lines.Parse(line, now, joinedID)
	if e == nil {
		return []Line{{Kind: Answer, At: now, Text: strings.TrimPrefix(line, "* ")}}
	}
	shown := room.apply(e)
	switch {
	case e.Kind == hub.Entered && e.People > 1 && len(e.Names) == 0:
		// A crowd is not listed to who comes in. What is typed can wait for it.
		j.quietWho = j.typed.add("/who")
	case e.Kind == hub.Who && j.quietWho:
		j.quietWho = false
		return nil
	}
	return shown
}

// receive reads until the connection ends, all that is there at a time.
func (j *Joined) receive(came chan<- batch, done <-chan struct{}) {
	r := bufio.NewReaderSize(j.conn, longestLine)
	for {
		var b batch
		for b.err == nil {
			var line []byte
			line, b.err = r.ReadSlice('\n')
			if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 {
				b.lines = append(b.lines, string(line))
			}
			buffered, _ := r.Peek(r.Buffered())
			if bytes.IndexByte(buffered, '\n') < 0 {
				break
			}
		}
		select {
		case came <- b:
		case <-done:
			return
		}
		if b.err != nil {
			return
		}
	}
}

// send writes what is typed. Its failure is the end of the connection, which
// receive reports.
func (j *Joined) send(done <-chan struct{}) {
	for {
		select {
		case line := <-j.typed.lines:
			if !j.sendLine(line, done) {
				j.conn.Close()
				return
			}
		case <-done:
			return
		}
	}
}

// sendLine sends one line, and shows what the server will not send back: every
// terminal shows what is typed into it, so servers do not.
func (j *Joined) sendLine(line string, done <-chan struct{}) bool {
	e := hub.Event{Kind: hub.Said, Time: time.Now(), SenderID: joinedID, Text: line}
	word, _, _ := strings.Cut(line, " ")
	if err := hub.CheckLine(line); err != nil {
		e.Kind, e.Text = hub.Problem, fmt.Sprintf("Not sent: %v.", err)
	} else {
		if strings.EqualFold(word, "/quit") {
			j.quitting.Store(true)
		}
		if j.conn.SetWriteDeadline(time.Now().Add(sendTime)) != nil {
			return false
		}
		if _, err := io.WriteString(j.conn, line+"\n"); err != nil {
			return false
		}
		if text, ok := strings.CutPrefix(line, "//"); ok {
			e.Text = "/" + text
		} else if strings.HasPrefix(line, "/") {
			return true
		}
	}
	select {
	case j.said <- e:
	case <-done:
	}
	return true
}

// reason is what Run returns.
func (j *Joined) reason(err error) error {
	switch {
	case j.quitting.Load():
		return nil
	case err == io.EOF:
		return errors.New("the server ended the connection")
	case errors.Is(err, bufio.ErrBufferFull):
		return fmt.Errorf("the server sent a line of more than %d bytes", longestLine)
	default:
		return fmt.Errorf("the connection is lost: %w", err)
	}
}

// Say is for the goroutine of the window.
func (j *Joined) Say(text string) bool { return j.typed.add(text) }

// Close leaves as /quit does.
func (j *Joined) Close() {
	j.quitting.Store(true)
	if j.started.Load() && j.conn.SetWriteDeadline(time.Now().Add(quitTime)) == nil {
		if _, err := io.WriteString(j.conn, "/quit\n"); err == nil {
			select {
			case <-j.ended:
			case <-time.After(quitTime):
			}
		}
	}
	j.conn.Close()
}

// joinError says in a sentence why a server could not be joined.
type joinError struct {
	place listen.Address
	err   error
}

func (e *joinError) Unwrap() error { return e.err }

func (e *joinError) Error() string {
	return fmt.Sprintf("cannot join %s %s: %s", e.place.Network, e.place.Address, e.reason())
}

func (e *joinError) reason() string {
	switch {
	case errors.Is(e.err, syscall.ECONNREFUSED):
		return "nobody is listening there"
	case errors.Is(e.err, syscall.ENOENT):
		return "there is no socket at that path"
	case errors.Is(e.err, context.DeadlineExceeded), errors.Is(e.err, syscall.ETIMEDOUT):
		return fmt.Sprintf("no answer within %v", joinTime)
	}
	return e.err.Error()
}
