package main

import "slices"

// suite is the tests of one package that others wrote.
type suite struct {
	name string
	// module with its version, and its sum as in go.sum; "" is Go's own library.
	module, sum string
	pkg         string   // its path below the module, or in Go's library
	skip        []string // tests that have nothing to do with connections
	// What passes on package net and cannot on the library, and the reason.
	known []known
	// Of these, tests that would wait for ever, and are not tried.
	endless []string
	// files limits the tests to those in these files.
	files []string
	short bool
	// The suites of one module share a copy, so they have the same changes.
	changes []change
}

// change is one to a file of others', in a copy.
type change struct{ file, old, new string }

// known is a test, with all below it.
type known struct{ test, reason string }

func because(reason string, tests ...string) (all []known) {
	for _, test := range tests {
		all = append(all, known{test, reason})
	}
	return all
}

// The goroutines of the loop that all services share, and of its epoll, are there until the process ends.
var knowsTheLoop = []change{{
	"internal/leakcheck/leakcheck.go", "var goroutinesToIgnore = []string{\n", "var goroutinesToIgnore = []string{\n\t\"glibloop.(*Loop).serve\", \"netfd.(*sharedEpoll).watch\",\n",
}}

var suites = []suite{
	{
		name: "package net's streams", pkg: "net", short: true, // without what goes to hosts of others
		changes: []change{ // these ask internal/poll by which system call the bytes went
			{
				"sendfile_test.go", "	hookSupportsSendfile(t)\n	if !supportsSendfile() {\n",
				"	if ForeignListen != nil {\n		f()\n		return\n	}\n	hookSupportsSendfile(t)\n	if !supportsSendfile() {\n",
			},
			{"splice_linux_test.go", "	// poll.Splice is expected to be called when the source is not\n", "	if ForeignListen != nil {\n		return\n	}\n"},
			{
				"splice_linux_test.go", "	verifySpliceFds(t, serverDown, hook, \"dst\")\n\n	// poll.Splice is expected to handle the data transmission but fail\n",
				"	if ForeignListen != nil {\n		return\n	}\n",
			},
			{
				"splice_linux_test.go", "	// We should have called poll.Splice with the right file descriptor arguments.\n	if n > 0 && !hook.called {\n",
				"	if n > 0 && !hook.called && ForeignListen == nil {\n",
			},
			{"writev_test.go", "		var wantSum int\n", "		if ForeignListen != nil {\n			return nil\n		}\n		var wantSum int\n"},
		},
		known: slices.Concat(
			because("look for package net's own types of errors",
				"TestAcceptError", "TestDialAddrError", "TestDialError", "TestListenError", "TestProtocolDialError", "TestProtocolListenError"),
			because("want what *net.TCPListener or *net.UnixListener has and net.Listener has not",
				"TestAcceptTimeout", "TestAcceptTimeoutMustNotReturn", "TestAcceptTimeoutMustReturn", "TestFileError", "TestFileListener",
				"TestRawConnControl", "TestTCPListenerSpecificMethods", "TestUnixListenerSpecificMethods", "TestUnixUnlink"),
			because("look at package net's own calls for keep-alive", "TestDialTCPDefaultKeepAlive", "TestDialerKeepAlive"),
			because("wants Multipath TCP by GODEBUG", "TestMultiPathTCP"),
			because("wants a Unix socket without a name", "TestUnixAutobindClose"),
		),
		endless: []string{"TestAcceptTimeoutMustReturn"},
		files: []string{
			"conn_test.go", "dial_test.go", "error_test.go", "error_unix_test.go", "external_test.go", "file_test.go", "listen_test.go",
			"mptcpsock_linux_test.go", "net_test.go", "protoconn_test.go", "rawconn_test.go", "sendfile_test.go", "sendfile_unix_test.go",
			"server_test.go", "splice_linux_test.go", "tcpconn_keepalive_test.go", "tcpsock_test.go", "tcpsock_unix_test.go",
			"timeout_test.go", "unixsock_linux_test.go", "unixsock_readmsg_test.go", "unixsock_test.go", "write_unix_test.go", "writev_test.go",
		},
	},
	{
		name: "net/http", pkg: "net/http",
		skip:  []string{"TestOmitHTTP2"}, // compiles, for half a minute
		known: []known{{"TestLinuxSendfile", "wants the *net.TCPListener itself, for a child's descriptor"}},
	},
	{name: "net/http/httptest", pkg: "net/http/httptest"},
	{name: "net/http/httputil", pkg: "net/http/httputil"},
	{name: "net/rpc", pkg: "net/rpc"},
	{name: "net/rpc/jsonrpc", pkg: "net/rpc/jsonrpc"},
	{name: "net/smtp", pkg: "net/smtp"},
	{name: "net/textproto", pkg: "net/textproto"},
	{name: "crypto/tls", pkg: "crypto/tls"},
	{name: "log/syslog", pkg: "log/syslog"},
	{
		name: "grpc-go, transport", module: "google.golang.org/grpc@v1.75.0", pkg: "internal/transport", changes: knowsTheLoop,
		known: []known{
			{"Test/HTTPConnectWithServerHello", "forgets to close a listener, and looks for goroutines: here one accepts"},
		},
		sum: "h1:+TW+dqTd2Biwe6KKfhE5JpiYIBWq865PhKGSXiivqt4=",
	},
	{
		name: "grpc-go, root", module: "google.golang.org/grpc@v1.75.0", pkg: ".", changes: knowsTheLoop,
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
