//go:build linux

package main

// The peers, in the order of the table's columns and of each round.
const (
	ours  = "glibserve"
	inC   = "c"
	onNet = "net"
	gotk4 = "gotk4"
)

var peers = []struct{ name, title, about string }{
	{ours, "glibserve", "this library"},
	{inC, "C on GIO", "GSocketService in C with asynchronous streams, one thread"},
	{onNet, "package net", "Go's own, a goroutine for each connection"},
	{gotk4, "raw gotk4", "GSocketService as gotk4 v0.2.2 wraps it, a goroutine for each connection"},
}

func peerTitle(name string) string {
	for _, p := range peers {
		if p.name == name {
			return p.title
		}
	}
	return name
}

// anyPort is where servers listen: the system chooses, and they say.
const anyPort = "tcp:127.0.0.1:0"

// Commands of each peer, by kind of server. The first word is a program in the
// folder of the built ones.
func echoServers(handler string) map[string][]string {
	buffer := map[string]string{"1k": "1024", "64k": "65536"}[handler]
	if buffer == "" {
		buffer = "0"
	}
	return map[string][]string{
		ours:  {"gioecho", "-listen", anyPort, "-handler", handler},
		inC:   {"cecho", "--listen", anyPort, "--buffer", buffer},
		onNet: {"netecho", "-listen", anyPort, "-handler", handler},
		gotk4: {"gotk4echo", "-listen", anyPort, "-handler", handler},
	}
}

// loopsServer is examples/echo on several loops: io.Copy.
func loopsServer(loops string) map[string][]string {
	return map[string][]string{ours: {"echo", "-listen", anyPort, "-loops", loops}}
}

func bulkServers(work string) map[string][]string {
	return map[string][]string{
		ours:  {"gioecho", "-listen", anyPort, "-work", work},
		inC:   {"cecho", "--listen", anyPort, "--work", work},
		onNet: {"netecho", "-listen", anyPort, "-work", work},
		gotk4: {"gotk4echo", "-listen", anyPort, "-work", work},
	}
}

func webServers(flags ...string) map[string][]string {
	return map[string][]string{
		ours:  append([]string{"httpserver", "-listen", anyPort}, flags...),
		onNet: append([]string{"nethttp", "-listen", anyPort}, flags...),
	}
}

// tlsServers echo over TLS: ours and C's by GIO, package net's by crypto/tls.
func tlsServers() map[string][]string {
	return map[string][]string{
		ours:  {"gioecho", "-listen", anyPort, "-tls-cert", certFile, "-tls-key", keyFile},
		inC:   {"cecho", "--listen", anyPort, "--tls-cert", certFile, "--tls-key", keyFile},
		onNet: {"netecho", "-listen", anyPort, "-tls-cert", certFile, "-tls-key", keyFile},
	}
}
