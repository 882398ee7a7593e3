package interop_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

const (
	halfCloseSize = 100_000
	largeSize     = 4 << 20
	crowd         = 50
	restarted     = 200
)

var messageSizes = []int{1, 100, 10_000}

// A scenario is what a client and a server do with each other; doc.go tells the
// peers' side of it.
type scenario struct {
	name string

	// Our service, the peer's client: what our handler does, what happens
	// meanwhile, and what the client prints.
	handler    func(h *host) gio.HandlerFunc
	meanwhile  func(svc *gio.SocketService, over <-chan struct{})
	clientSays []string

	// The peer's server, our client: what we do, and what the server prints. No
	// client: not against servers of others.
	client     func(t *testing.T, dial func() *gio.SocketConnection)
	serverSays []string
}

var scenarios = []scenario{
	{
		name:       "echo",
		handler:    (*host).echo,
		clientSays: []string{"echoed 10101"},
		client: func(t *testing.T, dial func() *gio.SocketConnection) {
			c := dial()
			for _, size := range messageSizes {
				exchange(t, c, pattern(size))
			}
			require.NoError(t, c.CloseWrite())
			rest, err := io.ReadAll(c)
			require.NoError(t, err)
			require.Empty(t, rest)
		},
	},
	{
		name:       "halfclose",
		handler:    (*host).answerAtTheEnd,
		clientSays: []string{"sent " + sum(pattern(halfCloseSize)), "answered " + sum(pattern(halfCloseSize))},
		client: func(t *testing.T, dial func() *gio.SocketConnection) {
			c := dial()
			_, err := c.Write(pattern(halfCloseSize))
			require.NoError(t, err)
			require.NoError(t, c.CloseWrite())
			answer, err := io.ReadAll(c)
			require.NoError(t, err)
			require.Equal(t, sum(pattern(halfCloseSize)), string(answer))
		},
		serverSays: []string{"received " + sum(pattern(halfCloseSize))},
	},
	{
		name:       "large",
		handler:    (*host).echo,
		clientSays: []string{"sent " + sum(pattern(largeSize)), "received " + sum(pattern(largeSize))},
		client: func(t *testing.T, dial func() *gio.SocketConnection) {
			c := dial()
			sent := make(chan error, 1)
			go func() {
				_, err := c.Write(pattern(largeSize))
				if err == nil {
					err = c.CloseWrite()
				}
				sent <- err
			}()
			received, err := io.ReadAll(c)
			require.NoError(t, err)
			require.NoError(t, <-sent)
			require.Equal(t, sum(pattern(largeSize)), sum(received))
		},
		serverSays: []string{"received " + sum(pattern(largeSize))},
	},
	{
		name:       "many",
		handler:    (*host).echoOnceAllAreHere,
		clientSays: []string{fmt.Sprint("served ", crowd)},
		client: func(t *testing.T, dial func() *gio.SocketConnection) {
			var all, here sync.WaitGroup
			here.Add(crowd)
			for i := range crowd {
				all.Add(1)
				go func() {
					defer all.Done()
					c := dial()
					here.Done()
					here.Wait()
					exchange(t, c, fmt.Appendf(nil, "%08d", i))
				}()
			}
			all.Wait()
		},
	},
	{
		name:       "restart",
		handler:    (*host).echo,
		clientSays: []string{fmt.Sprint("served ", restarted)},
		meanwhile: func(svc *gio.SocketService, over <-chan struct{}) {
			for {
				svc.Stop()
				svc.Start()
				select {
				case <-over:
					return
				default:
				}
			}
		},
	},
}

// host is our side of a scenario; what goes wrong in its handlers fails the test.
type host struct {
	t    *testing.T
	here sync.WaitGroup // the crowd
}

func newHost(t *testing.T) *host {
	h := &host{t: t}
	h.here.Add(crowd)
	return h
}

func (h *host) echo() gio.HandlerFunc {
	return func(_ context.Context, c *gio.SocketConnection) {
		_, err := io.Copy(c, c)
		assert.NoError(h.t, err)
	}
}

func (h *host) answerAtTheEnd() gio.HandlerFunc {
	return func(_ context.Context, c *gio.SocketConnection) {
		all, err := io.ReadAll(c)
		if assert.NoError(h.t, err) {
			_, err = io.WriteString(c, sum(all))
			assert.NoError(h.t, err)
		}
	}
}

func (h *host) echoOnceAllAreHere() gio.HandlerFunc {
	echo := h.echo()
	return func(ctx context.Context, c *gio.SocketConnection) {
		h.here.Done()
		h.here.Wait()
		echo(ctx, c)
	}
}

// pattern is the data of all peers.
func pattern(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}

// sum is the number of bytes and their SHA-256, as the peers print them.
func sum(b []byte) string { return fmt.Sprintf("%d %x", len(b), sha256.Sum256(b)) }

// exchange is for any goroutine.
func exchange(t *testing.T, c io.ReadWriter, message []byte) {
	back := make([]byte, len(message))
	_, err := c.Write(message)
	if err == nil {
		_, err = io.ReadFull(c, back)
	}
	if assert.NoError(t, err) {
		assert.True(t, bytes.Equal(message, back), "something else came back")
	}
}

// Every peer's client against our service.
func TestPeersClientsAreServed(t *testing.T) {
	for _, p := range peers {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			command := p.command(t)
			for _, tr := range transports {
				for _, sc := range scenarios {
					t.Run(tr.name+"/"+sc.name, func(t *testing.T) {
						svc := gio.NewSocketService(nil)
						defer svc.Close()
						addr, err := svc.Listen(tr.free(t))
						require.NoError(t, err)
						served := make(chan error, 1)
						go func() { served <- svc.Serve(context.Background(), sc.handler(newHost(t))) }()
						over, done := make(chan struct{}), make(chan struct{})
						go func() {
							defer close(done)
							if sc.meanwhile != nil {
								sc.meanwhile(svc, over)
							}
						}()
						calm := sync.OnceFunc(func() { close(over); <-done })
						defer calm()
						client := start(t, append(command[:len(command):len(command)], "client", sc.name, theirs(addr.Network(), addr.String()))...)
						said := client.end()
						calm()
						require.Equal(t, sc.clientSays, said)
						ctx, cancel := context.WithTimeout(context.Background(), patience)
						defer cancel()
						require.NoError(t, svc.Shutdown(ctx)) // once the handlers have ended
						require.ErrorIs(t, <-served, gio.ErrServiceClosed)
					})
				}
			}
		})
	}
}

// Our client against every peer's server.
func TestPeersServersAreUsed(t *testing.T) {
	for _, p := range peers {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			command := p.command(t)
			for _, tr := range transports {
				for _, sc := range scenarios {
					if sc.client == nil {
						continue
					}
					t.Run(tr.name+"/"+sc.name, func(t *testing.T) {
						network, address := tr.free(t)
						server := start(t, append(command[:len(command):len(command)], "server", sc.name, theirs(network, address))...)
						network, address = ours(t, server.listening())
						client := gio.NewSocketClient(&gio.ClientConfig{DisableProxy: true, Timeout: patience})
						defer client.Close()
						var mu sync.Mutex
						var conns []*gio.SocketConnection
						sc.client(t, func() *gio.SocketConnection {
							c, err := client.Dial(context.Background(), network, address)
							if !assert.NoError(t, err) {
								panic(err)
							}
							assert.NoError(t, c.SetDeadline(time.Now().Add(patience)))
							mu.Lock()
							defer mu.Unlock()
							conns = append(conns, c)
							return c
						})
						for _, c := range conns {
							require.NoError(t, c.Close())
						}
						require.Equal(t, sc.serverSays, server.end())
					})
				}
			}
		})
	}
}
