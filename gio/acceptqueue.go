package gio

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"
)

// acceptQueue is who asks for clients in place of being told: Serve, Conns, Accept
// and NetListener; and the clients that were accepted and that nobody has asked
// for yet. Those are never closed because the consumer changed: they go to who
// asks next, or to handlers, see offer.go.
type acceptQueue struct {
	mu     sync.Mutex // protects what follows; see listener for the order
	closed bool

	server    *server // the Serve in progress
	last      *server // the Serve before that: its handlers may go on
	conns     int     // loops over Conns in progress
	accepts   int     // calls of Accept in progress
	requested bool    // Accept has been called: it will be again

	requests []*request
	pending  []pendingClient
}

// request is one goroutine that waits for a client.
type request struct {
	ch chan accepted // of capacity 1: the sender never waits
}

type accepted struct {
	sc  *SocketConnection
	err error
}

// pendingClient is a client that nobody has asked for yet.
type pendingClient struct {
	sc     *SocketConnection
	source unsafe.Pointer // the GObject given with the address, alive until Close

	// seen is the generation of the handlers that were asked already, see
	// signalTable; others tells that those of other code were.
	seen   uint64
	others bool
}

// state tells whether somebody asks for clients, or has done so by Accept, and
// whether a client waits for that.
func (q *acceptQueue) state() (consumed, pending bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.consumed(), len(q.pending) > 0
}

// pendingCount is how many clients are pending.
func (q *acceptQueue) pendingCount() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.pending)
}

func (q *acceptQueue) consumed() bool { return q.consuming() || q.requested }

func (q *acceptQueue) consuming() bool { return q.server != nil || q.conns > 0 || q.accepts > 0 }

// wants is how many clients somebody would take at once, as far as that matters
// to an accept loop.
func (q *acceptQueue) wants() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.server != nil {
		return acceptBatch
	}
	return len(q.requests)
}

// The kinds of consumers, of which one kind at a time is allowed.
const (
	kindServe  = "Serve"
	kindConns  = "Conns"
	kindAccept = "Accept"
)

// acquire enters a consumer, for release, or refuses a second kind.
func (q *acceptQueue) acquire(kind string, sv *server) (pending []pendingClient, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	busy := ""
	switch {
	case q.closed:
		return nil, errQueueClosed
	case q.server != nil:
		busy = kindServe
	case q.conns > 0 && kind != kindConns:
		busy = kindConns
	case q.accepts > 0 && kind != kindAccept:
		busy = kindAccept
	}
	if busy != "" {
		return nil, fmt.Errorf("gio: %s: the service's clients go to %s already", kind, busy)
	}
	switch kind {
	case kindServe:
		q.server = sv
		pending, q.pending = q.pending, nil
	case kindConns:
		q.conns++
	case kindAccept:
		q.accepts++
		q.requested = true
	}
	return pending, nil
}

func (q *acceptQueue) release(kind string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch kind {
	case kindServe:
		q.last, q.server = q.server, nil
	case kindConns:
		q.conns--
	case kindAccept:
		q.accepts--
	}
}

// errQueueClosed never reaches a user: it stands for closedError.
var errQueueClosed = errors.New("closed")

// request takes a pending client, or enters a wait for the next one.
func (q *acceptQueue) request() (sc *SocketConnection, r *request, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return nil, nil, errQueueClosed
	case len(q.pending) > 0:
		sc = q.pending[0].sc
		q.pending = q.pending[1:]
		return sc, nil, nil
	}
	r = &request{ch: newChan[accepted](1)}
	q.requests = append(q.requests, r)
	return nil, r, nil
}

// ready tells whether a client is pending.
func (q *acceptQueue) ready() bool {
	_, pending := q.state()
	return pending
}

// next takes the request that is next, or nil.
func (q *acceptQueue) next() *request {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.first()
}

// withdraw ends a wait; false when it has been answered.
func (q *acceptQueue) withdraw(r *request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, x := range q.requests {
		if x == r {
			q.requests = append(q.requests[:i], q.requests[i+1:]...)
			return true
		}
	}
	return false
}

// first is next for who holds the lock.
func (q *acceptQueue) first() *request {
	if len(q.requests) == 0 {
		return nil
	}
	r := q.requests[0]
	q.requests = q.requests[1:]
	return r
}

// takes tells whether a client that no handler took is to be handed over. Without
// any handler it is, also when the last consumer has just gone. With handlers of
// "run" it is theirs unless somebody is there right now.
func (q *acceptQueue) takes(handlers, runs bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.closed && (q.consuming() || !handlers || q.requested && !runs)
}

// recipient is where a client has gone.
type recipient struct {
	server  *server  // which is to start a handler
	request *request // whose channel is to get it
	closed  bool     // nowhere: it is to be closed
}

// put decides where a client goes; with none of the three it is pending.
func (q *acceptQueue) put(c pendingClient) recipient {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return recipient{closed: true}
	case q.server != nil:
		return recipient{server: q.server}
	}
	if r := q.first(); r != nil {
		return recipient{request: r}
	}
	q.pending = append(q.pending, c)
	return recipient{}
}

// offering is who could take pending clients in place of who asks.
type offering struct {
	generation uint64 // of our own handlers
	others     bool   // other code has some
	runs       bool   // there are handlers of "run"
}

// unseenBy tells whether that could change anything for a client. Handlers of "run"
// have not seen one that went to somebody who is not there any more.
func (q *acceptQueue) unseenBy(o offering, c pendingClient) bool {
	return c.seen < o.generation || o.others && !c.others || o.runs && !q.consuming()
}

// offered takes the pending clients that somebody of the offering has not seen,
// and leaves the rest.
func (q *acceptQueue) offered(o offering) (take []pendingClient) {
	q.mu.Lock()
	defer q.mu.Unlock()
	rest := q.pending[:0:0]
	for _, c := range q.pending {
		if q.unseenBy(o, c) {
			take = append(take, c)
		} else {
			rest = append(rest, c)
		}
	}
	q.pending = rest
	return take
}

// unseen tells whether offered has something to take.
func (q *acceptQueue) unseen(o offering) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, c := range q.pending {
		if q.unseenBy(o, c) {
			return true
		}
	}
	return false
}

// waits tells whether a goroutine waits for a client.
func (q *acceptQueue) waits() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.requests) > 0
}

// servers are the Serve in progress and the one that ended last, or nil.
func (q *acceptQueue) servers() (current, last *server) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.server, q.last
}

// close lets nobody in any more, and returns who waits and what is pending.
func (q *acceptQueue) close() (requests []*request, pending []pendingClient) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	requests, q.requests = q.requests, nil
	pending, q.pending = q.pending, nil
	return requests, pending
}
