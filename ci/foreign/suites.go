package main

// suite is the tests of one package that others wrote.
type suite struct {
	name string
	// module with its version, and its sum as in go.sum; "" is Go's own library.
	module, sum string
	pkg         string   // its path below the module, or in Go's library
	skip        []string // tests that have nothing to do with connections
	// What passes on package net and cannot on the library, and the reason.
	known []known
	// anyConn has the tests take anything with its methods for a *net.TCPConn.
	anyConn bool
	// The suites of one module share a copy, so they have the same change.
	change *change
}

// change is one to a file of others', in a copy.
type change struct{ file, old, new string }

type known struct{ test, reason string }

// The goroutines of the loop that all services share, and of its epoll, are there until the process ends.
var knowsTheLoop = &change{
	"internal/leakcheck/leakcheck.go", "var goroutinesToIgnore = []string{\n", "var goroutinesToIgnore = []string{\n\t\"glibloop.(*Loop).serve\", \"netfd.(*sharedEpoll).watch\",\n",
}

var suites = []suite{
	{
		name: "net/http", pkg: "net/http", anyConn: true,
		skip:  []string{"TestOmitHTTP2"}, // compiles, for half a minute
		known: []known{{"TestLinuxSendfile", "wants the *net.TCPListener itself, for a child's descriptor"}},
	},
	{name: "net/http/httptest", pkg: "net/http/httptest"},
	{name: "net/http/httputil", pkg: "net/http/httputil", anyConn: true},
	{name: "net/rpc", pkg: "net/rpc", anyConn: true},
	{name: "net/rpc/jsonrpc", pkg: "net/rpc/jsonrpc"},
	{name: "net/smtp", pkg: "net/smtp"},
	{name: "net/textproto", pkg: "net/textproto"},
	{name: "crypto/tls", pkg: "crypto/tls"},
	{name: "log/syslog", pkg: "log/syslog"},
	{
		name: "grpc-go, transport", module: "google.golang.org/grpc@v1.75.0", pkg: "internal/transport", change: knowsTheLoop,
		known: []known{
			{"Test/TCPUserTimeout", "wants the *net.TCPConn itself"},
			{"Test/HTTPConnectWithServerHello", "forgets to close a listener, and looks for goroutines: here one accepts"},
		},
		sum: "h1:+TW+dqTd2Biwe6KKfhE5JpiYIBWq865PhKGSXiivqt4=",
	},
	{
		name: "grpc-go, root", module: "google.golang.org/grpc@v1.75.0", pkg: ".", change: knowsTheLoop,
		sum: "h1:+TW+dqTd2Biwe6KKfhE5JpiYIBWq865PhKGSXiivqt4=",
	},
	{
		name: "gorilla/websocket", module: "github.com/gorilla/websocket@v1.5.3", pkg: ".",
		sum: "h1:saDtZ6Pbx/0u+bgYQ3q96pZgCzfhKXGPqt7kZ72aNNg=",
	},
	{
		name: "coder/websocket", module: "github.com/coder/websocket@v1.8.14", pkg: ".",
		sum: "h1:9L0p0iKiNOibykf283eHkKUHHrpG7f65OE3BhhO7v9g=",
	},
	{
		name: "x/crypto/ssh", module: "golang.org/x/crypto@v0.41.0", pkg: "ssh",
		sum: "h1:WKYxWedPGCTVVl5+WHSSrOBT0O8lx32+zxmHxijgXp4=",
	},
	{
		name: "x/net/http2", module: "golang.org/x/net@v0.43.0", pkg: "http2",
		sum: "h1:lat02VYK2j4aLzMzecihNvTlJNQUq316m2Mr9rnM6YE=",
	},
	{
		name: "x/net/websocket", module: "golang.org/x/net@v0.43.0", pkg: "websocket",
		sum: "h1:lat02VYK2j4aLzMzecihNvTlJNQUq316m2Mr9rnM6YE=",
	},
}
