package gio_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"

	"github.com/glibserve/glibserve/gio"
)

// A server that inetd, or systemd with Accept=yes, starts for each client: the
// connection is standard input.
func ExampleFileConn() {
	server := func(stdin *os.File) {
		conn, err := gio.FileConn(stdin)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer conn.Close()
		io.Copy(conn, conn)
	}

	client, inetd, err := gio.SocketPair()
	if err != nil {
		log.Fatal(err)
	}
	stdin, err := inetd.Socket().File()
	if err != nil {
		log.Fatal(err)
	}
	inetd.Close()
	go func() {
		server(stdin)
		stdin.Close()
	}()
	io.WriteString(client, "what comes back")
	client.CloseWrite()
	io.Copy(os.Stdout, client)
	client.Close()

	nothing, err := os.Open(os.DevNull)
	if err != nil {
		log.Fatal(err)
	}
	defer nothing.Close()
	fmt.Println()
	server(nothing)
	// Output:
	// what comes back
	// file file+net /dev/null: not a socket: socket operation on non-socket
}

// A listening GSocket that other code has made.
func ExampleSocketListener_AddSocket() {
	serve := func(socket *gotkgio.Socket) error {
		svc := gio.NewSocketService(nil)
		defer svc.Close()
		if err := svc.AddSocket(socket, "their socket"); err != nil {
			return err
		}
		return svc.Serve(context.Background(), gio.HandlerFunc(echo))
	}
	fmt.Println(serve(nil))
	// Output: listen socket: AddSocket with a nil socket
}

// Package net/http with connections that GIO makes.
func ExampleSocketClient_DialContext() {
	svc := gio.NewSocketService(nil)
	defer svc.Close()
	addr, err := svc.Listen("unix", "@glibserve-example-http")
	if err != nil {
		log.Fatal(err)
	}
	go http.Serve(svc.NetListener(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "hello from", r.Host)
	}))

	client := gio.NewSocketClient(&gio.ClientConfig{DisableProxy: true})
	defer client.Close()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return client.DialContext(ctx, "unix", addr.String()) // whatever the host
	}}
	defer transport.CloseIdleConnections()
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		ConnectDone: func(network, addr string, err error) { fmt.Println("connected:", network, addr, err) },
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://service.example/", nil)
	if err != nil {
		log.Fatal(err)
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	io.Copy(os.Stdout, res.Body)
	// Output:
	// connected: unix @glibserve-example-http <nil>
	// hello from service.example
}

// Code in C, or another binding, gets a connection by its address.
func ExampleSocketConnection_Native() {
	here, there, err := gio.SocketPair()
	if err != nil {
		log.Fatal(err)
	}
	defer there.Close()
	object := here.Native() // for C: (GSocketConnection *) object, and g_object_ref to keep it
	fmt.Println(object != 0)
	here.Close()
	fmt.Println(here.Native())
	// Output:
	// true
	// 0
}

func ExampleSocketListener_Native() {
	svc := gio.NewSocketService(nil)
	fmt.Println(svc.Native() != 0) // for C: (GSocketService *), on the thread of svc.Loop()
	svc.Close()
	fmt.Println(svc.Native())
	// Output:
	// true
	// 0
}

func ExampleSocketClient_Native() {
	client := gio.NewSocketClient(nil)
	fmt.Println(client.Native() != 0) // for C: (GSocketClient *)
	client.Close()
	fmt.Println(client.Native())
	// Output:
	// true
	// 0
}
