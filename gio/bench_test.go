package gio_test

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// Each benchmark runs this library and package net in the same way, for
// comparison in one run:
//
//	go test -run '^$' -bench . -benchmem ./gio

// A server listens, echoes and closes; both kinds are driven by package net's
// client.
var servers = []struct {
	name  string
	start func(b *testing.B, network, address string) net.Addr
}{
	{"gio", func(b *testing.B, network, address string) net.Addr {
		svc := gio.NewSocketService(nil)
		b.Cleanup(func() { _ = svc.Close() })
		addr, err := svc.Listen(network, address)
		require.NoError(b, err)
		go func() { _ = svc.Serve(context.Background(), gio.HandlerFunc(echoBuffered)) }()
		return addr
	}},
	{"net", func(b *testing.B, network, address string) net.Addr {
		ln, err := net.Listen(network, address)
		require.NoError(b, err)
		b.Cleanup(func() { _ = ln.Close() })
		go acceptEach(ln, echoByReads)
		return ln.Addr()
	}},
}

func echoBuffered(_ context.Context, c *gio.SocketConnection) { echoByReads(c) }

// echoByReads reads and writes; io.Copy would splice with package net.
func echoByReads(c net.Conn) {
	b := make([]byte, 64<<10)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		if _, err := c.Write(b[:n]); err != nil {
			return
		}
	}
}

// pairs are both ends of a connection: the one that is measured and its peer.
var pairs = []struct {
	name string
	make func(b *testing.B) (c, peer net.Conn)
}{
	{"gio", func(b *testing.B) (net.Conn, net.Conn) { return pair(b, "tcp", "127.0.0.1:0") }},
	{"net", func(b *testing.B) (net.Conn, net.Conn) {
		ln := listenNet(b, "tcp", "")
		peer := dialBench(b, ln.Addr())
		c, err := ln.Accept()
		require.NoError(b, err)
		b.Cleanup(func() { _ = c.Close() })
		return c, peer
	}},
}

func dialBench(b *testing.B, addr net.Addr) net.Conn {
	b.Helper()
	c, err := net.Dial(addr.Network(), addr.String())
	require.NoError(b, err)
	b.Cleanup(func() { _ = c.Close() })
	return c
}

var sizes = []struct {
	name string
	n    int
}{{"64B", 64}, {"64KiB", 64 << 10}}

// BenchmarkRead reads what a peer writes as fast as it can.
func BenchmarkRead(b *testing.B) {
	for _, p := range pairs {
		for _, size := range sizes {
			b.Run(p.name+"/"+size.name, func(b *testing.B) {
				c, peer := p.make(b)
				buf := make([]byte, size.n)
				go func() {
					out := make([]byte, 256<<10)
					for {
						if _, err := peer.Write(out); err != nil {
							return
						}
					}
				}()
				b.SetBytes(int64(size.n))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := io.ReadFull(c, buf); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkWrite writes to a peer that reads as fast as it can.
func BenchmarkWrite(b *testing.B) {
	for _, p := range pairs {
		for _, size := range sizes {
			b.Run(p.name+"/"+size.name, func(b *testing.B) {
				c, peer := p.make(b)
				go func() {
					in := make([]byte, 256<<10)
					for {
						if _, err := peer.Read(in); err != nil {
							return
						}
					}
				}()
				buf := make([]byte, size.n)
				b.SetBytes(int64(size.n))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := c.Write(buf); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkEcho is a round trip on one connection.
func BenchmarkEcho(b *testing.B) {
	for _, s := range servers {
		for _, size := range sizes {
			b.Run(s.name+"/"+size.name, func(b *testing.B) {
				c := dialBench(b, s.start(b, "tcp", "127.0.0.1:0"))
				buf := make([]byte, size.n)
				b.SetBytes(int64(size.n))
				b.ReportAllocs()
				for b.Loop() {
					roundTrip(b, c, buf)
				}
			})
		}
	}
}

func roundTrip(b *testing.B, c net.Conn, buf []byte) {
	if _, err := c.Write(buf); err != nil {
		b.Error(err)
		return
	}
	if _, err := io.ReadFull(c, buf); err != nil {
		b.Error(err)
	}
}

// BenchmarkEchoParallel is the same on one connection for each of 16
// goroutines.
func BenchmarkEchoParallel(b *testing.B) {
	for _, s := range servers {
		b.Run(s.name, func(b *testing.B) {
			addr := s.start(b, "tcp", "127.0.0.1:0")
			b.ReportAllocs()
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				c, err := net.Dial(addr.Network(), addr.String())
				if err != nil {
					b.Error(err)
					return
				}
				defer c.Close()
				buf := make([]byte, 64)
				for pb.Next() {
					roundTrip(b, c, buf)
				}
			})
		})
	}
}

// BenchmarkAccept connects, echoes 64 bytes and closes.
func BenchmarkAccept(b *testing.B) {
	for _, s := range servers {
		b.Run(s.name, func(b *testing.B) {
			addr := s.start(b, "tcp", "127.0.0.1:0")
			buf := make([]byte, 64)
			b.ReportAllocs()
			for b.Loop() {
				connectEchoClose(b, addr, buf)
			}
		})
	}
}

// BenchmarkAcceptParallel does so from 16 goroutines.
func BenchmarkAcceptParallel(b *testing.B) {
	for _, s := range servers {
		b.Run(s.name, func(b *testing.B) {
			addr := s.start(b, "tcp", "127.0.0.1:0")
			b.ReportAllocs()
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				buf := make([]byte, 64)
				for pb.Next() {
					connectEchoClose(b, addr, buf)
				}
			})
		})
	}
}

func connectEchoClose(b *testing.B, addr net.Addr, buf []byte) {
	c, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		b.Error(err)
		return
	}
	_ = c.(*net.TCPConn).SetLinger(0) // a reset leaves no TIME_WAIT behind
	roundTrip(b, c, buf)
	_ = c.Close()
}

// BenchmarkReadFrom sends a file of 1 MiB.
func BenchmarkReadFrom(b *testing.B) {
	for _, p := range pairs {
		b.Run(p.name, func(b *testing.B) {
			c, peer := p.make(b)
			go func() { _, _ = io.Copy(io.Discard, peer) }()
			f, content := randomFile(b, 1<<20)
			b.SetBytes(int64(len(content)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Seek(0, io.SeekStart); err != nil {
					b.Fatal(err)
				}
				if _, err := c.(io.ReaderFrom).ReadFrom(f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
