//go:build !race && !asan

package gio_test

// What gotk4 makes by itself does not survive the race detector.

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"os"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"

	"github.com/glibserve/glibserve/gio"
)

// greeter is a server of package net that says hello once, and where it is.
func greeter() (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		defer l.Close()
		if c, err := l.Accept(); err == nil {
			fmt.Fprintln(c, "hello")
			c.Close()
		}
	}()
	return l.Addr().String()
}

// What gotk4's GSocketClient has connected becomes a net.Conn.
func ExampleNewSocketConnection() {
	theirs, err := gotkgio.NewSocketClient().ConnectToHost(context.Background(), greeter(), 0)
	if err != nil {
		log.Fatal(err)
	}
	conn, err := gio.NewSocketConnection(theirs)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close() // for both
	wrapped.Add(1)     // gotk4 keeps the object; for the accounts of these tests
	io.Copy(os.Stdout, conn)
	// Output: hello
}

// Everything that GIO can connect to.
func ExampleSocketClient_Connect() {
	to, err := gotkgio.NetworkAddressParse(greeter(), 0)
	if err != nil {
		log.Fatal(err)
	}
	client := gio.NewSocketClient(nil)
	defer client.Close()
	conn, err := client.Connect(context.Background(), to)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	io.Copy(os.Stdout, conn)
	// Output: hello
}

// GIO code reads and writes what Go does: with TLS the plain text.
func ExampleSocketConnection_Stream() {
	here, there, err := gio.SocketPair()
	if err != nil {
		log.Fatal(err)
	}
	defer here.Close()
	defer there.Close()
	stream := here.Stream() // a *gotkgio.TLSConnection where the connection speaks TLS by GIO
	wrapped.Add(1)          // as above
	out := gotkgio.BaseOutputStream(gotkgio.BaseIOStream(stream).OutputStream())
	if _, err := out.Write(context.Background(), []byte("by GIO\n")); err != nil {
		log.Fatal(err)
	}
	line, _ := bufio.NewReader(there).ReadString('\n')
	fmt.Print(line)
	// Output: by GIO
}
