package main

import (
	"context"
	"io"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/glibserve/glibserve/ci/internal/rawgotk4"
	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/glibloop"
)

// servers begin to serve beside the window, on a port of the system's choice.
// Each does the same with a connection: echo.
var servers = map[string]struct {
	about string
	serve func() ([]net.Addr, error)
}{
	"none":     {"no server", nil},
	"serve":    {"glibserve: Serve on the default loop", serve},
	"incoming": {"glibserve: ConnectIncoming on the default loop", incoming},
	"net":      {"package net", packageNet},
	"gotk4":    {"raw gotk4", rawGotk4},
}

func rawGotk4() ([]net.Addr, error) {
	addr, err := rawgotk4.Serve("127.0.0.1:0", echo)
	return []net.Addr{addr}, err
}

// names lists the keys of a table, for people.
func names[V any](table map[string]V) string {
	return strings.TrimPrefix(strings.Join(slices.Sorted(maps.Keys(table)), ", "), ", ")
}

// echo sends back what it reads.
func echo(conn io.ReadWriter) {
	var buffer [1024]byte
	for {
		n, err := conn.Read(buffer[:])
		if err != nil {
			return
		}
		if _, err := conn.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func newService() (*gio.SocketService, []net.Addr, error) {
	svc := gio.NewSocketService(&gio.ServiceConfig{Loop: glibloop.Default()})
	addr, err := svc.Listen("tcp", "127.0.0.1:0")
	return svc, []net.Addr{addr}, err
}

func serve() ([]net.Addr, error) {
	svc, addrs, err := newService()
	if err != nil {
		return nil, err
	}
	go func() {
		err := svc.Serve(context.Background(), gio.HandlerFunc(func(_ context.Context, conn *gio.SocketConnection) { echo(conn) }))
		panic(err) // it serves until the process ends
	}()
	return addrs, nil
}

func incoming() ([]net.Addr, error) {
	svc, addrs, err := newService()
	if err != nil {
		return nil, err
	}
	svc.ConnectIncoming(func(conn *gio.SocketConnection, _ any) bool {
		go func() {
			defer conn.Close()
			echo(conn)
		}()
		return true
	})
	return addrs, nil
}

func packageNet() ([]net.Addr, error) {
	// Without keep-alive, as the others.
	config := net.ListenConfig{KeepAlive: -1}
	ln, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				panic(err)
			}
			go func() {
				defer conn.Close()
				echo(conn)
			}()
		}
	}()
	return []net.Addr{ln.Addr()}, nil
}
