package gio_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/glibserve/glibserve/gio"
)

func ExampleSocketClient_Dial() {
	svc := gio.NewSocketService(nil)
	defer svc.Close()
	addr, err := svc.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() {
		_ = svc.Serve(context.Background(), gio.HandlerFunc(func(_ context.Context, c *gio.SocketConnection) {
			_, _ = io.WriteString(c, "hello\n")
		}))
	}()

	client := gio.NewSocketClient(&gio.ClientConfig{Timeout: 10 * time.Second})
	defer client.Close()
	c, err := client.Dial(context.Background(), "tcp", addr.String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	b, err := io.ReadAll(c)
	fmt.Printf("%q %v\n", b, err)
	// Output: "hello\n" <nil>
}

func ExampleSocketClient_ConnectEvent() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()

	client := gio.NewSocketClient(nil)
	defer client.Close()
	var steps []string // only the loop's thread touches it until Dial returns
	client.ConnectEvent(func(event gio.ClientEvent, _ string, _ net.Addr) {
		steps = append(steps, event.String())
	})
	c, err := client.ConnectToHost(context.Background(), l.Addr().String(), 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = c.Close()
	fmt.Println(strings.Join(steps, ", "))
	// Output: resolving, resolved, connecting, connected, complete
}
