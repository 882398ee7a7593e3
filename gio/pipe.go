package gio

import (
	"sync"
	"syscall"
	"time"
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
	_ = syscall.Close(p.r)
	_ = syscall.Close(p.w)
}

// pipePool keeps a few, and none for long: each is two descriptors.
type pipePool struct {
	mu    sync.Mutex
	free  []pipe
	used  bool // since the timer last looked
	timer *time.Timer
}

var pipes pipePool

func (pool *pipePool) get() (p pipe, err error) {
	pool.mu.Lock()
	if n := len(pool.free); n > 0 {
		p, pool.free, pool.used = pool.free[n-1], pool.free[:n-1], true
		pool.mu.Unlock()
		return p, nil
	}
	pool.mu.Unlock()
	var fds [2]int
	if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		return pipe{}, err
	}
	// Refused when the user has many pipes: a smaller one works too.
	_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, uintptr(fds[0]), syscall.F_SETPIPE_SZ, pipeSize)
	return pipe{fds[0], fds[1]}, nil
}

func (pool *pipePool) put(p pipe) {
	pool.mu.Lock()
	defer pool.mu.Unlock()
	if len(pool.free) == pipesKept {
		p.close()
		return
	}
	pool.free = append(pool.free, p)
	if pool.timer == nil {
		pool.timer = time.AfterFunc(pipesFor, pool.expire)
	}
}

func (pool *pipePool) expire() {
	pool.mu.Lock()
	defer pool.mu.Unlock()
	if pool.used {
		pool.used = false
		pool.timer.Reset(pipesFor)
		return
	}
	for _, p := range pool.free {
		p.close()
	}
	pool.free, pool.timer = nil, nil
}
