// Command netecho is the peer on package net.
package main

import (
	"context"
	"net"
	"os"

	"github.com/glibserve/glibserve/ci/bench/internal/peer"
	"github.com/glibserve/glibserve/examples/shared/listen"
)

func main() {
	peer.Main("netecho", "Serves connections on package net, a goroutine for each.", serve)
}

func serve(opts peer.Options) error {
	// Without keep-alive, as the other peers: package net's default makes four
	// system calls more for each connection.
	config := net.ListenConfig{KeepAlive: -1}
	ln, err := config.Listen(context.Background(), opts.Address.Network, opts.Address.Address)
	if err != nil {
		return err
	}
	if err := listen.Announce(os.Stdout, []net.Addr{ln.Addr()}); err != nil {
		return err
	}
	if ln, err = opts.OverTLS(ln); err != nil {
		return err
	}
	for {
		conn, err := ln.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			_ = opts.Work(conn) // a client that went away is no error of ours
		}()
	}
}
