//go:build linux

package main

import (
	"fmt"
	"strconv"
)

// work is one kind of work: rows of the table.
type work struct {
	name    string
	title   string
	servers map[string][]string // by peer
	load    []string            // flags of the load generator
	figures []figure

	// bench is a benchmark of glibloop in place of servers and load: the
	// part of its name before the peer's.
	bench string
	// benchPeers are the peers' names in the benchmark.
	benchPeers map[string]string
	// like is the work whose other peers this one is compared with, when it
	// has none of its own.
	like string
}

func (w *work) has(peer string) bool {
	if w.bench != "" {
		return w.benchPeers[peer] != ""
	}
	return w.servers[peer] != nil
}

// certFiles are where the runner puts the certificate that it makes, in its
// own folder, in which the servers are started.
const certFile, keyFile = "cert.pem", "key.pem"

// allWorks is the table, from the top.
func allWorks(idle int, loops bool) []*work {
	all := []figure{opsFigure, p50Figure, p99Figure, cpuFigure, rssFigure}
	var works []*work
	add := func(w *work) { works = append(works, w) }

	// echo is a row of the work that echoes blocks, by one handler.
	echo := func(name, title, handler string, load ...string) {
		add(&work{name: name, title: title + ", " + handlerTitles[handler], servers: echoServers(handler), figures: all, load: load})
	}
	for _, n := range []int{1, 4, 16, 64} {
		for _, handler := range handlersAt(n == 16) {
			name := fmt.Sprintf("connect-%d-%s", n, handler)
			load := []string{"-work", "connect", "-conns", strconv.Itoa(n)}
			echo(name, fmt.Sprintf("connect + echo 64 B + close, %d at once", n), handler, load...)
			if handler == "copy" && loops {
				for _, loops := range []string{"1", "2"} {
					add(&work{
						name: name + "-loops-" + loops, title: "the same, examples/echo -loops " + loops, like: name,
						servers: loopsServer(loops), figures: all, load: load,
					})
				}
			}
		}
	}
	for _, n := range []int{1, 8, 64, 500, 1000} {
		title := fmt.Sprintf("echo 64 B, %s connections", number(float64(n), 0))
		if n == 1 {
			title = "echo 64 B, 1 connection"
		}
		for _, handler := range handlersAt(n == 64) {
			if handler == "1k" || n == 64 {
				echo(fmt.Sprintf("echo-%d-%s", n, handler), title, handler, "-work", "echo", "-conns", strconv.Itoa(n))
			}
		}
	}
	for _, handler := range []string{"64k", "copy"} {
		echo("echo-big-"+handler, "echo 64 KiB, 4 connections", handler, "-work", "echo", "-conns", "4", "-size", "65536")
	}
	bulk := []figure{mbFigure, cpuFigure, rssFigure}
	add(&work{
		name: "bulk-in", title: "receive in bulk, 4 connections; each: 1 MB", servers: bulkServers("sink"), figures: bulk,
		load: []string{"-work", "sink", "-conns", "4"},
	})
	add(&work{
		name: "bulk-out", title: "send in bulk, 4 connections; each: 1 MB", servers: bulkServers("source"), figures: bulk,
		load: []string{"-work", "source", "-conns", "4"},
	})
	for _, handler := range []string{"1k", "copy"} {
		add(&work{
			name: "idle-" + handler, title: number(float64(idle), 0) + " idle connections, " + handlerTitles[handler], servers: echoServers(handler),
			figures: []figure{perConnFigure, rssFigure, threadsFigure},
			load:    []string{"-work", "idle", "-conns", strconv.Itoa(idle)},
		})
	}
	add(&work{
		name: "http", title: "HTTP keep-alive, 64 connections (wrk)", servers: webServers(), figures: all,
		load: []string{"-work", "http", "-conns", "64"},
	})
	add(&work{
		name: "tls", title: "connect + TLS handshake + one request + close, 16 at once",
		servers: webServers("-tls-cert", certFile, "-tls-key", keyFile), figures: all,
		load: []string{"-work", "tls", "-conns", "16"},
	})
	works = append(works, tlsWorks()...)
	return append(works, loopWorks()...)
}

// handlerTitles are the handlers of package peer, in the table's words.
var handlerTitles = map[string]string{"1k": "Read/Write 1 KiB", "64k": "Read/Write 64 KiB", "bufio": "bufio", "copy": "io.Copy"}

// handlersAt are the handlers to compare: all of them at one load, at the
// others the two of a loop that reads and writes.
func handlersAt(all bool) []string {
	if all {
		return []string{"1k", "64k", "bufio", "copy"}
	}
	return []string{"1k", "64k"}
}

// tlsIdle is how many: each costs two handshakes' time to open.
const tlsIdle = 1000

// tlsWorks are those of TLS by GIO, each also with crypto/tls over our NetListener.
func tlsWorks() (works []*work) {
	busy := []figure{opsFigure, p50Figure, p99Figure, cpuFigure, rssFigure}
	for _, w := range []*work{
		{name: "tls-handshake-1", title: "TLS by GIO: handshake + echo 64 B + close, 1 at once", figures: busy, load: []string{"-work", "handshake", "-conns", "1"}},
		{name: "tls-handshake-16", title: "TLS by GIO: handshake + echo 64 B + close, 16 at once", figures: busy, load: []string{"-work", "handshake", "-conns", "16"}},
		{name: "tls-garbage", title: "TLS by GIO: 26 B that are no TLS, 1 at once", figures: busy, load: []string{"-work", "garbage", "-conns", "1"}},
		{name: "tls-idle", title: "TLS by GIO: " + number(tlsIdle, 0) + " idle connections", figures: []figure{perConnFigure, rssFigure, threadsFigure},
			load: []string{"-work", "tls-idle", "-conns", strconv.Itoa(tlsIdle)}},
	} {
		w.servers = tlsServers()
		works = append(works, w, &work{
			name: w.name + "-crypto", title: "the same, crypto/tls over NetListener", like: w.name, figures: w.figures, load: w.load,
			servers: map[string][]string{ours: append(tlsServers()[ours], "-crypto-tls")},
		})
	}
	return works
}

// loopWorks are the benchmarks of glibloop: C's is g_main_context_invoke from
// another thread, gotk4's is IdleAdd.
func loopWorks() []*work {
	peers := map[string]string{ours: "glibloop", inC: "C-invoke", gotk4: "gotk4-IdleAdd"}
	works := []*work{}
	for _, n := range []string{"1", "4", "16"} {
		w := &work{name: "post-" + n, title: "Post to a loop, " + n + " producers", bench: "Post/producers=" + n, benchPeers: peers}
		if n == "1" {
			w.title = "Post to a loop, 1 producer"
		}
		works = append(works, w)
	}
	works = append(works,
		&work{name: "call", title: "Call on a loop, round trip", bench: "Call", benchPeers: peers},
		&work{
			name: "call-default", title: "Call on the default loop, round trip", bench: "Call", like: "call",
			benchPeers: map[string]string{ours: "glibloop-Default"},
		})
	for _, w := range works {
		w.figures = []figure{callFigure}
	}
	return works
}
