package gio_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/glibloop"
)

// An echo server, and a client that says hello.
func Example() {
	svc := gio.NewSocketService(nil)
	addr, err := svc.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go svc.Serve(context.Background(), gio.HandlerFunc(
		func(ctx context.Context, conn *gio.SocketConnection) {
			io.Copy(conn, conn)
		}))
	defer svc.Shutdown(context.Background())

	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintln(conn, "hello")
	line, _ := bufio.NewReader(conn).ReadString('\n')
	fmt.Print(line)
	// Output: hello
}

// As GTK has it: handlers on the main loop, which somebody else runs.
func ExampleSocketService_ConnectIncoming() {
	loop := glibloop.Default()
	svc := gio.NewSocketService(&gio.ServiceConfig{Loop: loop})
	defer svc.Close()
	svc.ConnectIncoming(func(conn *gio.SocketConnection, source any) bool {
		fmt.Println("client of", source) // on the loop's thread: do not block
		go func() {
			defer conn.Close()
			fmt.Fprintln(conn, "welcome")
		}()
		return true // the connection is ours now
	})
	addr, err := svc.AddAddress(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, "the public address")
	if err != nil {
		log.Fatal(err)
	}

	ctx, quit := context.WithCancel(context.Background())
	go func() {
		defer quit()
		conn, err := net.Dial("tcp", addr.String())
		if err != nil {
			log.Fatal(err)
		}
		defer conn.Close()
		io.Copy(os.Stdout, conn)
	}()
	loop.Run(ctx) // app.Run in a GTK program
	// Output:
	// client of the public address
	// welcome
}

// A web server on GIO.
func ExampleSocketListener_NetListener() {
	svc := gio.NewSocketService(nil)
	defer svc.Close()
	addr, err := svc.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "hello from", r.URL.Path)
	})}
	go srv.Serve(svc.NetListener())
	defer srv.Shutdown(context.Background())

	res, err := http.Get("http://" + addr.String() + "/here")
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	io.Copy(os.Stdout, res.Body)
	// Output: hello from /here
}

// One client after the other, on a Unix socket, and who they are.
func ExampleSocketService_Conns() {
	dir, err := os.MkdirTemp("", "glibserve")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	svc := gio.NewSocketService(nil)
	defer svc.Close()
	addr, err := svc.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for range 2 {
			if c, err := net.Dial("unix", addr.String()); err == nil {
				defer c.Close()
			}
		}
	}()
	n := 0
	for conn, err := range svc.Conns(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		who, err := conn.PeerCredentials()
		fmt.Println(err == nil && who.UID == os.Getuid())
		conn.Close()
		if n++; n == 2 {
			break
		}
	}
	// Output:
	// true
	// true
}

// The class handler of a subclass, as C has it.
func ExampleServiceConfig() {
	svc := gio.NewSocketService(&gio.ServiceConfig{
		MaxConns: 100,
		Incoming: func(conn *gio.SocketConnection, source any) bool {
			go func() {
				defer conn.Close()
				fmt.Fprintln(conn, "from the class handler")
			}()
			return true
		},
	})
	defer svc.Close()
	addr, err := svc.Listen("unix", "@glibserve-example")
	if err != nil {
		log.Fatal(err)
	}
	conn, err := net.Dial("unix", addr.String())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	io.Copy(os.Stdout, conn)
	// Output: from the class handler
}
