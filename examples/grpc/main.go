// Command grpc is grpc-go on GLib's GSocketService: the standard health
// service and server reflection, on a net.Listener that GIO accepts for.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/glibserve/glibserve/examples/shared/listen"
	"github.com/glibserve/glibserve/examples/shared/program"
	"github.com/glibserve/glibserve/gio"
)

const usage = `Usage: grpc [flags]

Serves gRPC on GLib's GSocketService: the health service that load balancers
and orchestrators ask (grpc.health.v1.Health), and server reflection, by which
tools find out what there is. It prints a line "listening on NETWORK ADDRESS"
for each address, then serves until Ctrl-C, which tells those who watch before
it ends.

    grpc
    grpc -listen tcp:127.0.0.1:9005 -listen unix:/tmp/grpc.sock

Try it from another terminal, with grpcurl:

    grpcurl -plaintext 127.0.0.1:9005 list
    grpcurl -plaintext 127.0.0.1:9005 grpc.health.v1.Health/Check
    grpcurl -plaintext unix:///tmp/grpc.sock grpc.health.v1.Health/Watch
`

func main() { program.Main(run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	const name = "grpc"
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	addresses := listen.Default("tcp:127.0.0.1:9005")
	flags.Var(addresses, "listen", "`address` to listen on, may be given several times:\n"+listen.Syntax)
	grace := flags.Duration("grace", 5*time.Second, "`time` that calls may go on after Ctrl-C")
	if status, done := program.Parse(flags, usage, args, stdout, stderr); done {
		return status
	}
	if *grace < 0 {
		return program.Refuse(name, errors.New("-grace must not be negative"), stderr)
	}

	if err := serve(ctx, addresses.Addresses(), *grace, stdout); err != nil {
		return program.Fail(name, err, stderr)
	}
	return program.OK
}

// serve listens, says so, and serves until ctx is done.
func serve(ctx context.Context, addresses []listen.Address, grace time.Duration, stdout io.Writer) error {
	svc := gio.NewSocketService(nil)
	defer svc.Close()
	addrs, err := listen.Open(svc, addresses)
	if err != nil {
		return err
	}

	state := health.NewServer() // says SERVING for the server as a whole, which is the service ""
	server := grpc.NewServer(
		// A peer whose machine is gone is found out within 80 s.
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}),
		// One that connects has so long to say that it speaks HTTP/2.
		grpc.ConnectionTimeout(10*time.Second),
		grpc.WaitForHandlers(true),
	)
	healthpb.RegisterHealthServer(server, healthServer{state, ctx})
	reflection.Register(server)

	served := make(chan error, 1)
	go func() { served <- server.Serve(svc.NetListener()) }() // accepts on every address of the service
	if err := listen.Announce(stdout, addrs); err != nil {
		return err
	}

	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	state.Shutdown() // whoever watches learns NOT_SERVING
	stop(server, svc, grace)
	return nil
}

// stop lets the calls in progress end, for as long as grace. The listening
// sockets are closed at once.
func stop(server *grpc.Server, svc *gio.SocketService, grace time.Duration) {
	late := time.AfterFunc(grace, func() {
		// Stop alone would wait for a client that has connected and says nothing.
		_ = svc.Close()
		server.Stop()
	})
	defer late.Stop()
	server.GracefulStop()
}
