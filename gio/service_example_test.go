package gio_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"os"

	"github.com/glibserve/glibserve/gio"
)

// Why nobody is served yet, and how many there were in the end.
func ExampleSocketService_Stats() {
	svc := gio.NewSocketService(nil)
	fmt.Println(svc.Stats())
	addr, err := svc.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go svc.Serve(context.Background(), gio.HandlerFunc(
		func(ctx context.Context, conn *gio.SocketConnection) { fmt.Fprintln(conn, "welcome") }))
	for range 3 {
		conn, err := net.Dial("tcp", addr.String())
		if err != nil {
			log.Fatal(err)
		}
		io.Copy(io.Discard, conn)
		conn.Close()
	}
	svc.Shutdown(context.Background())
	fmt.Println(svc.Stats())
	// Output:
	// accepted 0, open 0, handling 0, pending 0, active; paused: no address; nobody takes clients: no handler, and Serve, Accept or Conns is not running
	// accepted 3, open 0, handling 0, pending 0, inactive; paused: closed
}

// While the handler is blocked clients wait, and none is lost.
func ExampleSocketListener_Block() {
	svc := gio.NewSocketService(nil)
	defer svc.Close()
	handler := svc.ConnectIncoming(func(conn *gio.SocketConnection, _ any) bool {
		fmt.Fprintln(conn, "welcome")
		conn.Close()
		return true
	})
	addr, err := svc.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	svc.Block(handler)
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	fmt.Println("accepted:", svc.Stats().Accepted)
	svc.Unblock(handler)
	io.Copy(os.Stdout, conn)
	// Output:
	// accepted: 0
	// welcome
}

// By which of two addresses somebody came.
func ExampleSocketListener_ListenSource() {
	svc := gio.NewSocketService(nil)
	defer svc.Close()
	for _, name := range []string{"@glibserve-example-users", "@glibserve-example-admins"} {
		if _, err := svc.ListenSource("unix", name, "for "+name[len("@glibserve-example-"):]); err != nil {
			log.Fatal(err)
		}
	}
	go svc.Serve(context.Background(), gio.HandlerFunc(
		func(ctx context.Context, conn *gio.SocketConnection) { fmt.Fprintln(conn, conn.Source()) }))
	conn, err := net.Dial("unix", "@glibserve-example-admins")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	io.Copy(os.Stdout, conn)
	// Output: for admins
}

// Multipath TCP on both sides, where both kernels have it; plain TCP otherwise.
func ExampleSocketConnection_MultipathTCP() {
	svc := gio.NewSocketService(&gio.ServiceConfig{MultipathTCP: true})
	defer svc.Close()
	addr, err := svc.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go svc.Serve(context.Background(), gio.HandlerFunc(echo))

	client := gio.NewSocketClient(&gio.ClientConfig{MultipathTCP: true})
	defer client.Close()
	conn, err := client.Dial(context.Background(), "tcp", addr.String())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	multipath, err := conn.MultipathTCP()
	if err != nil {
		log.Fatal(err)
	}
	if !multipath {
		fmt.Fprintln(os.Stderr, "the kernel has no Multipath TCP")
	}
	io.WriteString(conn, "over one path or several")
	conn.CloseWrite()
	io.Copy(os.Stdout, conn)
	// Output: over one path or several
}
