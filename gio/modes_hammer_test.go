package gio_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// modes changes who takes a service's clients, all the time and at random.
type modes struct {
	t     *testing.T
	svc   *gio.SocketService
	serve func(c *gio.SocketConnection) // answers a client, and does not close it
	seed  uint64

	mu    sync.Mutex // protects what follows
	addrs []net.Addr

	ctx    context.Context
	cancel context.CancelFunc
	actors sync.WaitGroup
	turn   sync.RWMutex // held for reading by each step of an actor
	shared atomic.Bool  // Gotk4 was called, and Accept before
	served atomic.Int64
}

// newModes prints its seed. GLIBSERVE_HAMMER_SEED repeats one, as far as the
// scheduler does.
func newModes(t *testing.T, svc *gio.SocketService, serve func(c *gio.SocketConnection)) *modes {
	m := &modes{t: t, svc: svc, seed: rand.Uint64()}
	m.serve = func(c *gio.SocketConnection) {
		serve(c)
		m.served.Add(1)
	}
	if s := os.Getenv("GLIBSERVE_HAMMER_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
		m.seed = seed
	}
	t.Logf("GLIBSERVE_HAMMER_SEED=%d", m.seed)
	m.ctx, m.cancel = context.WithCancel(context.Background())
	t.Cleanup(func() { // also of a test that has failed
		m.cancel()
		m.actors.Wait()
	})
	m.listen()
	return m
}

// hammerTime is how long a hammer goes on.
func hammerTime(t *testing.T, usual time.Duration) time.Duration {
	s := os.Getenv("GLIBSERVE_HAMMER_TIME")
	if s == "" {
		return usual
	}
	d, err := time.ParseDuration(s)
	require.NoError(t, err)
	return d
}

// random is the n-th sequence of this seed.
func (m *modes) random(n uint64) *rand.Rand { return rand.New(rand.NewPCG(m.seed, n)) }

// every has a goroutine call f until the end.
func (m *modes) every(n uint64, f func(r *rand.Rand)) {
	r := m.random(n)
	m.actors.Add(1)
	go func() {
		defer m.actors.Done()
		for m.ctx.Err() == nil {
			m.turn.RLock()
			f(r)
			m.turn.RUnlock()
		}
	}()
}

// quiet has the actors rest while one consumer alone takes the clients: whatever
// they have left, it gets some.
func (m *modes) quiet(r *rand.Rand) {
	m.turn.Lock()
	defer m.turn.Unlock()
	name := []string{"ConnectIncoming", "Serve", "Conns", "Accept"}[r.IntN(4)]
	end := consumers[name](m.t, m.svc, m.own)
	defer end()
	want := m.served.Load() + 20
	for limit := time.Now().Add(patience); m.served.Load() < want; time.Sleep(100 * time.Microsecond) {
		require.Falsef(m.t, time.Now().After(limit), "%s alone serves nobody; %d served before", name, want-20)
	}
}

// run goes on for a while.
func (m *modes) run(d time.Duration, each func()) {
	r := m.random(0)
	for end := time.Now().Add(d); time.Now().Before(end) && !m.t.Failed(); {
		m.pause(r, 100*time.Millisecond)
		m.quiet(r)
		if each != nil {
			each()
		}
	}
}

// pause is a while in which things are as they are, mostly short.
func (m *modes) pause(r *rand.Rand, most time.Duration) {
	d := time.Duration(r.Float64() * r.Float64() * float64(most))
	select {
	case <-time.After(d):
	case <-m.ctx.Done():
	}
}

// listen adds an address, whose source holds its name.
func (m *modes) listen() {
	source := new(atomic.Value)
	addr, err := m.svc.AddAddress(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, source)
	if assert.NoError(m.t, err) {
		source.Store(addr.String())
		m.mu.Lock()
		m.addrs = append(m.addrs, addr)
		m.mu.Unlock()
	}
}

// sourceIsRight tells whether a client has the source of the address it came to.
func sourceIsRight(c *gio.SocketConnection) bool {
	source, ok := c.Source().(*atomic.Value)
	return ok && source.Load() == c.LocalAddr().String()
}

func (m *modes) addresses() []net.Addr {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.addrs
}

// own serves a connection that the caller owns.
func (m *modes) own(c *gio.SocketConnection) {
	m.serve(c)
	_ = c.Close()
}

// handlers connects handlers of "incoming" and disconnects them again.
func (m *modes) handlers(r *rand.Rand) {
	var connected []gio.SignalHandle
	for range 1 + r.IntN(3) {
		declines := m.shared.Load() && r.IntN(3) == 0 // else it could be closed, unless Accept goes on
		connected = append(connected, m.svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool {
			if !declines {
				go m.own(c)
			}
			return !declines
		}))
		m.pause(r, 3*time.Millisecond)
	}
	r.Shuffle(len(connected), func(i, j int) { connected[i], connected[j] = connected[j], connected[i] })
	for _, h := range connected {
		m.svc.Disconnect(h)
		m.pause(r, 3*time.Millisecond)
	}
	m.pause(r, 30*time.Millisecond)
}

// asking has Serve, Conns or Accept take clients for a while.
func (m *modes) asking(r *rand.Rand) {
	ctx, cancel := context.WithCancel(m.ctx)
	defer cancel()
	gaveUp := time.AfterFunc(time.Duration(r.Float64()*r.Float64()*float64(20*time.Millisecond)), cancel)
	defer gaveUp.Stop()
	var err error
	switch r.IntN(5) {
	case 0, 1:
		err = m.svc.Serve(ctx, gio.HandlerFunc(func(_ context.Context, c *gio.SocketConnection) { m.serve(c) }))
	case 2:
		for c, e := range m.svc.Conns(ctx) {
			if err = e; err == nil {
				go m.own(c)
			}
			if r.IntN(10) == 0 {
				break
			}
		}
	case 3:
		for range r.IntN(20) {
			var c *gio.SocketConnection
			if c, _, err = m.svc.Accept(ctx); err != nil {
				break
			}
			go m.own(c)
		}
	case 4:
		m.pause(r, 10*time.Millisecond)
	}
	if err != nil {
		assert.ErrorIs(m.t, err, context.Canceled)
	}
}

// stopping stops and starts.
func (m *modes) stopping(r *rand.Rand) {
	stop := func() { m.svc.Stop() }
	if r.IntN(2) == 0 {
		stop = func() {
			_ = m.svc.Loop().Call(context.Background(), func() error {
				m.svc.Stop()
				if r.IntN(2) == 0 {
					m.svc.Start()
					m.svc.Stop()
				}
				return nil
			})
		}
	}
	stop()
	m.pause(r, 2*time.Millisecond)
	m.svc.Start()
	m.pause(r, 20*time.Millisecond)
}

// share has others get the GObject. A service whose GObject they have closes whom
// nobody takes, but for those that Accept has begun to take.
func (m *modes) share() {
	m.turn.Lock() // or a Serve would find Accept there
	defer m.turn.Unlock()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if c, _, err := m.svc.Accept(ended); err == nil {
		go m.own(c) // it was pending
	} else if !errors.Is(err, context.Canceled) {
		return // Serve or Conns: another time
	}
	assert.NotNil(m.t, m.svc.Gotk4())
	m.shared.Store(true)
}

// begin starts all actors, and n clients that never pause.
func (m *modes) begin(n int) (clients func() (served, lost int64)) {
	m.every(1, m.handlers)
	m.every(2, m.asking)
	m.every(3, m.stopping)
	m.every(4, func(r *rand.Rand) {
		if len(m.addresses()) < 30 {
			m.listen()
		}
		m.pause(r, 50*time.Millisecond)
	})
	return m.clients(n)
}

// end ends the actors, has everybody served who still waits, and returns what the
// clients say.
func (m *modes) end(clients func() (served, lost int64)) (served, lost int64) {
	m.cancel()
	m.turn.Lock() // the last step of each actor is done
	defer m.turn.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- m.svc.Serve(ctx, gio.HandlerFunc(func(_ context.Context, c *gio.SocketConnection) { m.serve(c) }))
	}()
	served, lost = clients()
	cancel()
	require.ErrorIs(m.t, receive(m.t, ended), context.Canceled)
	return served, lost
}

// clients connects n clients at a time, to any of the addresses, until the actors
// end: each wants an answer.
func (m *modes) clients(n int) (wait func() (served, lost int64)) {
	var ok, bad atomic.Int64
	var all sync.WaitGroup
	for i := range n {
		all.Add(1)
		m.actors.Add(1)
		r := m.random(100 + uint64(i))
		go func() {
			defer m.actors.Done()
			defer all.Done()
			for m.ctx.Err() == nil && bad.Load() == 0 {
				addrs := m.addresses()
				if err := m.visit(addrs[r.IntN(len(addrs))], r); err != nil {
					m.t.Logf("after %d: %v", ok.Load(), err)
					bad.Add(1)
				} else {
					ok.Add(1)
				}
			}
		}()
	}
	return func() (int64, int64) { all.Wait(); return ok.Load(), bad.Load() }
}

func (m *modes) visit(addr net.Addr, r *rand.Rand) error {
	c, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if r.IntN(2) == 0 {
		_ = c.(*net.TCPConn).SetLinger(0)
	}
	for range 1 + r.IntN(2) {
		if _, err = c.Write([]byte("x")); err == nil {
			_, err = io.ReadFull(c, make([]byte, 1))
		}
	}
	return err
}

// Whoever connected is answered, whatever changes meanwhile.
func TestEveryClientIsAnsweredWhileModesChange(t *testing.T) {
	for name, limit := range map[string]int{"any number": 0, "MaxConns": 5} {
		t.Run(name, func(t *testing.T) {
			svc := gio.NewSocketService(&gio.ServiceConfig{MaxConns: limit})
			t.Cleanup(func() { require.NoError(t, svc.Close()) })
			var wrong atomic.Int64
			m := newModes(t, svc, func(c *gio.SocketConnection) {
				if !sourceIsRight(c) {
					wrong.Add(1)
				}
				echo(context.Background(), c)
			})
			clients := m.begin(8)
			d := hammerTime(t, time.Second)
			m.run(d/2, nil)
			for !m.shared.Load() {
				m.share()
			}
			m.run(d/2, nil)
			served, lost := m.end(clients)
			t.Logf("%d served", served)
			require.Zero(t, lost)
			require.Zero(t, wrong.Load(), "clients with a wrong source")
			require.Positive(t, served)
		})
	}
}
