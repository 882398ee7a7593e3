package netfd

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio/internal/native"
)

const (
	pipeSize  = 256 << 10       // what a pipe is asked to hold; it may be less
	pipesKept = 16              // free ones, for all connections together
	pipesFor  = 2 * time.Second // after the last use they are closed
)

// pipe is where bytes stay for the moment between two splices. One that is free
// is empty.
type pipe struct{ r, w int }

func (p pipe) close() {
	_ = unix.Close(p.r)
	_ = unix.Close(p.w)
}

// pipePool keeps a few, and none for long: each is two descriptors.
type pipePool struct {
	mu      sync.Mutex // protects what follows; nothing is locked under it
	free    []pipe
	used    bool // one came back since expire last ran
	running bool // the timer of expire, of which there is one: a copy empties the pool at each step
}

var pipes pipePool

func (pool *pipePool) get() (p pipe, err error) {
	pool.mu.Lock()
	if n := len(pool.free); n > 0 {
		p, pool.free = pool.free[n-1], pool.free[:n-1]
		pool.mu.Unlock()
		return p, nil
	}
	pool.mu.Unlock()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return pipe{}, err
	}
	// Refused when the user has many pipes: a smaller one works too.
	_, _ = unix.FcntlInt(uintptr(fds[0]), unix.F_SETPIPE_SZ, pipeSize)
	return pipe{fds[0], fds[1]}, nil
}

func (pool *pipePool) put(p pipe) {
	pool.mu.Lock()
	defer pool.mu.Unlock()
	// A timer of a bubble of testing/synctest ends with that.
	if len(pool.free) == pipesKept || native.InBubble(time.Now()) {
		p.close()
		return
	}
	pool.free, pool.used = append(pool.free, p), true
	if !pool.running {
		pool.running = true
		time.AfterFunc(pipesFor, pool.expire)
	}
}

func (pool *pipePool) expire() {
	pool.mu.Lock()
	defer pool.mu.Unlock()
	if pool.running = pool.used; pool.running {
		pool.used = false
		time.AfterFunc(pipesFor, pool.expire)
		return
	}
	for _, p := range pool.free {
		p.close()
	}
	pool.free = nil
}

// DropPipes closes the free ones and tells how many there were; for tests.
func DropPipes() int {
	pipes.mu.Lock()
	defer pipes.mu.Unlock()
	n := len(pipes.free)
	for _, p := range pipes.free {
		p.close()
	}
	pipes.free = nil
	return n
}
