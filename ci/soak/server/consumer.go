//go:build linux

package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/glibserve/glibserve/gio"
)

// handle serves a connection, on a goroutine or thread of its own.
type handle = func(*opening, net.Conn)

// consume is a way to take clients. What it connects is connected when it returns;
// the function that it returns goes on until ctx is done or the service is closed.
type consume func(ctx context.Context, o *opening, handle handle) (wait func() error)

// begin has c take the clients, from its return on.
func (o *opening) begin(c consume) {
	ctx, cancel := context.WithCancel(o.ctx)
	wait, done := c(ctx, o, o.server.handle), make(chan struct{})
	go func() {
		defer close(done)
		err := wait()
		if err != nil && !errors.Is(err, gio.ErrServiceClosed) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, context.Canceled) {
			o.server.book.problems.add(fmt.Sprintf("a consumer of service %s ended: %v", o.name, err))
		}
	}()
	o.idle = func() {
		cancel()
		<-done
	}
}

// change ends the consumer, and another one takes the clients after a pause.
func (o *opening) change(to int, pause time.Duration) {
	all := []consume{byServe, byAccept, byConns, byIncoming}
	o.idle()
	time.Sleep(pause)
	o.begin(all[to%len(all)])
}

// block blocks the handler of "incoming" for a time.
func (o *opening) block(d time.Duration) error {
	if o.handler == 0 {
		return fmt.Errorf("service %s has no handler of its signal", o.name)
	}
	o.svc.Block(o.handler)
	time.Sleep(d)
	o.svc.Unblock(o.handler)
	return nil
}

func byServe(ctx context.Context, o *opening, handle handle) func() error {
	return func() error {
		return o.svc.Serve(ctx, gio.HandlerFunc(func(_ context.Context, c *gio.SocketConnection) { handle(o, c) }))
	}
}

func byAccept(ctx context.Context, o *opening, handle handle) func() error {
	return func() error {
		for {
			c, _, err := o.svc.Accept(ctx)
			if err != nil {
				return err
			}
			go handleAndClose(o, c, handle)
		}
	}
}

func byNetListener(_ context.Context, o *opening, handle handle) func() error {
	ln := o.svc.NetListener()
	return func() error {
		for {
			c, err := ln.Accept()
			if err != nil {
				return err
			}
			go handleAndClose(o, c, handle)
		}
	}
}

func byConns(ctx context.Context, o *opening, handle handle) func() error {
	return func() error {
		for c, err := range o.svc.Conns(ctx) {
			if err != nil {
				return err
			}
			go handleAndClose(o, c, handle)
		}
		return nil
	}
}

func byIncoming(ctx context.Context, o *opening, handle handle) func() error {
	return byHandler(ctx, o, func(c *gio.SocketConnection) { handleAndClose(o, c, handle) })
}

// byHandler has a handler of "incoming" start take for each client.
func byHandler(ctx context.Context, o *opening, take func(*gio.SocketConnection)) func() error {
	o.handler = o.svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool {
		go take(c)
		return true
	})
	h := o.handler
	return func() error {
		<-ctx.Done()
		o.svc.Disconnect(h)
		return nil
	}
}

func byRun(ctx context.Context, o *opening, handle handle) func() error {
	o.run(handle)
	return func() error {
		<-ctx.Done()
		return nil
	}
}

func handleAndClose(o *opening, c net.Conn, handle handle) {
	defer c.Close()
	handle(o, c)
}
