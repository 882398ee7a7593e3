//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"syscall"
)

// Clients close with a FIN, as clients do, so each leaves its port in
// TIME_WAIT for a minute. Taking turns on many source addresses keeps ports
// from running out; all of 127.0.0.0/8 is this machine.
const sourceAddrs = 64

// bindAddressNoPort is IP_BIND_ADDRESS_NO_PORT: the port is chosen by connect,
// which knows both addresses, where bind would want one that is free for all.
const bindAddressNoPort = 24

// target is the server's address and where clients call from.
type target struct {
	to   *syscall.SockaddrInet4
	from []*syscall.SockaddrInet4
	next int
}

func newTarget(address string, worker int) (*target, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("not an address and port: %w", err)
	}
	if !at.Addr().Is4() || !at.Addr().IsLoopback() {
		return nil, fmt.Errorf("%s is not in 127.0.0.0/8: load is for servers on this machine only", at.Addr())
	}
	t := &target{to: &syscall.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}}
	for i := range sourceAddrs {
		t.from = append(t.from, &syscall.SockaddrInet4{Addr: [4]byte{127, 1, byte(worker), byte(1 + i)}})
	}
	return t, nil
}

// source is the next address to call from.
func (t *target) source() *syscall.SockaddrInet4 {
	t.next++
	return t.from[t.next%len(t.from)]
}

// dial begins to connect. On loopback the connection is usually there when it
// returns, and can be written to.
func (t *target) dial() (fd int, err error) {
	fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	if err = syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, bindAddressNoPort, 1); err == nil {
		err = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	}
	if err != nil {
		_ = syscall.Close(fd)
		return -1, fmt.Errorf("setsockopt: %w", err)
	}
	if err := syscall.Bind(fd, t.source()); err != nil {
		_ = syscall.Close(fd)
		return -1, fmt.Errorf("bind: %w", err)
	}
	if err := syscall.Connect(fd, t.to); err != nil && err != syscall.EINPROGRESS {
		_ = syscall.Close(fd)
		return -1, fmt.Errorf("connect: %w", err)
	}
	return fd, nil
}
