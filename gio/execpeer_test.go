package gio_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/glibserve/glibserve/gio"
)

func init() {
	helpers["opens everything and starts a program"] = openEverything
}

// openEverything opens whatever the library can, starts programs that list
// their descriptors, and wants them to have no other than were given to them.
func openEverything(args []string) error {
	dir := args[0]
	before, err := inherited()
	if err != nil {
		return err
	}
	svc := gio.NewSocketService(nil)
	defer svc.Close()
	inside := make(chan *gio.SocketConnection, 16)
	var open []interface{ Close() error }
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	keep := func(c interface{ Close() error }, err error) error {
		if err == nil {
			open = append(open, c)
		}
		return err
	}
	svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool {
		inside <- c
		return true
	})
	var addrs []net.Addr
	for _, a := range [][2]string{{"tcp", "127.0.0.1:0"}, {"unix", filepath.Join(dir, "s")}, {"unix", "@" + dir}} {
		addr, err := svc.Listen(a[0], a[1])
		if err != nil {
			return err
		}
		addrs = append(addrs, addr)
	}
	for i, add := range []func(net.Listener) error{
		func(ln net.Listener) error { return svc.AddListener(ln, nil) },
		func(ln net.Listener) error {
			f, err := ln.(*net.TCPListener).File()
			if err := keep(f, err); err != nil {
				return err
			}
			return svc.AddFile(f, nil)
		},
	} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err := keep(ln, err); err != nil {
			return err
		}
		if err := add(ln); err != nil {
			return fmt.Errorf("%d: %w", i, err)
		}
		addrs = append(addrs, ln.Addr())
	}

	client := gio.NewSocketClient(nil)
	defer client.Close()
	var taken []*gio.SocketConnection
	for _, addr := range addrs {
		c, err := client.Dial(context.Background(), addr.Network(), addr.String())
		if err := keep(c, err); err != nil {
			return err
		}
		taken = append(taken, <-inside)
		open = append(open, taken[len(taken)-1])
	}
	// One waits in the epoll that the listener's connections share, one in Go's poller.
	go func() { _, _ = taken[0].Read(make([]byte, 1)) }()
	if err := taken[1].SetDeadline(time.Now().Add(time.Hour)); err != nil {
		return err
	}
	// A Serve that waits, with its eventfd.
	served := gio.NewSocketService(nil)
	defer served.Close()
	at, err := served.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() { _ = served.Serve(context.Background(), gio.HandlerFunc(echo)) }()
	c, err := client.Dial(context.Background(), "tcp", at.String())
	if err := keep(c, err); err != nil {
		return err
	}
	if _, err := c.Write([]byte("x")); err != nil {
		return err
	}
	if _, err := c.Read(make([]byte, 1)); err != nil {
		return err
	}
	// Files that cross, and a duplicate of a socket.
	a, b, err := gio.SocketPair()
	if err != nil {
		return err
	}
	open = append(open, a, b)
	f, err := os.Open(os.DevNull)
	if err := keep(f, err); err != nil {
		return err
	}
	if err := a.SendFile(f); err != nil {
		return err
	}
	got, err := b.ReceiveFile()
	if err := keep(got, err); err != nil {
		return err
	}
	dup, err := c.Socket().File()
	if err := keep(dup, err); err != nil {
		return err
	}

	if n := len(descriptors()); n < 25 {
		return fmt.Errorf("only %d descriptors are open: not everything was opened", n)
	}
	for _, change := range []func(){func() {}, svc.Stop, svc.Start} { // Stop swaps the sockets with dummies
		change()
		after, err := inherited()
		if err != nil {
			return err
		}
		if !slices.Equal(before, after) {
			return fmt.Errorf("a program got the descriptors %v, and %v when nothing was open yet", after, before)
		}
	}
	return nil
}

// inherited starts a program, by fork and exec alone, and returns which
// descriptors it has.
func inherited() ([]string, error) {
	out, err := exec.Command("/bin/ls", "/proc/self/fd").Output()
	fds := strings.Fields(string(out))
	if err == nil && len(fds) < 3 {
		err = fmt.Errorf("not a list of descriptors: %q", out)
	}
	slices.Sort(fds)
	return fds, err
}

func TestProgramsInheritNothing(t *testing.T) {
	mustRun(t, helper(t, "opens everything and starts a program", t.TempDir()))
}
