package main

import (
	"context"
	"io"
	"log"

	"github.com/glibserve/glibserve/gio"
)

func main() {
	svc := gio.NewSocketService(nil)
	addr, err := svc.Listen("tcp", "127.0.0.1:9000")
	if err != nil {
		log.Fatal(err)
	}
	log.Print("listening on ", addr)
	log.Fatal(svc.Serve(context.Background(), gio.HandlerFunc(
		func(ctx context.Context, conn *gio.SocketConnection) {
			io.Copy(conn, conn)
		})))
}
