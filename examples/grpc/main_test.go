package main

// Not an external test: a command cannot be imported.

import (
	"bytes"
	"context"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"github.com/glibserve/glibserve/examples/shared/program"
	"github.com/glibserve/glibserve/examples/shared/servertest"
)

func TestMain(m *testing.M) { servertest.Main(m, main) }

// start runs the server on TCP and on a Unix socket.
func start(t *testing.T, args ...string) (server *servertest.Process, addrs []net.Addr, path string) {
	path = t.TempDir() + "/s"
	server = servertest.Start(t, append([]string{"-listen", "tcp:127.0.0.1:0", "-listen", "unix:" + path}, args...)...)
	return server, server.Addrs(2), path
}

// dial is a client of grpc-go on one connection of its own.
func dial(t *testing.T, addr net.Addr) *grpc.ClientConn {
	target := "passthrough:///" + addr.String()
	if addr.Network() == "unix" {
		target = "unix:" + addr.String()
	}
	client, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { client.Close() })
	return client
}

func patience(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), servertest.Patience)
	t.Cleanup(cancel)
	return ctx
}

func requireStatus(t *testing.T, want healthpb.HealthCheckResponse_ServingStatus) func(*healthpb.HealthCheckResponse, error) {
	return func(response *healthpb.HealthCheckResponse, err error) {
		t.Helper()
		require.NoError(t, err)
		require.Equal(t, want, response.Status)
	}
}

func TestChecksOnEveryAddress(t *testing.T) {
	server, addrs, _ := start(t)
	for _, addr := range addrs {
		client := healthpb.NewHealthClient(dial(t, addr))
		requireStatus(t, healthpb.HealthCheckResponse_SERVING)(client.Check(patience(t), &healthpb.HealthCheckRequest{}))
		_, err := client.Check(patience(t), &healthpb.HealthCheckRequest{Service: "no.such.Service"})
		require.Equal(t, codes.NotFound, status.Code(err), err)
	}
	server.Signal(os.Interrupt)
	require.Equal(t, program.OK, server.Wait())
	require.Empty(t, server.Stderr())
}

func TestReflectionNamesTheServices(t *testing.T) {
	_, addrs, _ := start(t)
	for _, addr := range addrs {
		stream, err := reflectionpb.NewServerReflectionClient(dial(t, addr)).ServerReflectionInfo(patience(t))
		require.NoError(t, err)
		require.NoError(t, stream.Send(&reflectionpb.ServerReflectionRequest{
			MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{},
		}))
		response, err := stream.Recv()
		require.NoError(t, err)
		var names []string
		for _, service := range response.GetListServicesResponse().GetService() {
			names = append(names, service.Name)
		}
		require.Contains(t, names, "grpc.health.v1.Health")
		require.Contains(t, names, "grpc.reflection.v1.ServerReflection")
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	server, addrs, _ := start(t)
	const clients, calls = 32, 50
	errs := make(chan error, clients)
	for i := range clients {
		client := healthpb.NewHealthClient(dial(t, addrs[i%len(addrs)]))
		ctx := patience(t)
		go func() {
			var calling sync.WaitGroup // all on one connection
			failed := make(chan error, calls)
			for range calls {
				calling.Add(1)
				go func() {
					defer calling.Done()
					if _, err := client.Check(ctx, &healthpb.HealthCheckRequest{}); err != nil {
						failed <- err
					}
				}()
			}
			calling.Wait()
			select {
			case err := <-failed:
				errs <- err
			default:
				errs <- nil
			}
		}()
	}
	for range clients {
		require.NoError(t, <-errs)
	}
	server.Signal(os.Interrupt)
	require.Equal(t, program.OK, server.Wait())
}

// The grace is longer than the test may take: nothing but the server's own
// word to its watchers can end it in time.
func TestItEndsAlthoughClientsWatch(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		server, addrs, path := start(t, "-grace", "1h")
		var known, unknown []healthpb.Health_WatchClient
		for _, addr := range addrs {
			for range 4 {
				client := healthpb.NewHealthClient(dial(t, addr))
				watch, err := client.Watch(patience(t), &healthpb.HealthCheckRequest{})
				require.NoError(t, err)
				requireStatus(t, healthpb.HealthCheckResponse_SERVING)(watch.Recv())
				known = append(known, watch)
				watch, err = client.Watch(patience(t), &healthpb.HealthCheckRequest{Service: "later"})
				require.NoError(t, err)
				requireStatus(t, healthpb.HealthCheckResponse_SERVICE_UNKNOWN)(watch.Recv())
				unknown = append(unknown, watch)
			}
		}
		server.Signal(signal)
		for _, watch := range known {
			requireStatus(t, healthpb.HealthCheckResponse_NOT_SERVING)(watch.Recv())
		}
		for _, watch := range append(known, unknown...) {
			_, err := watch.Recv()
			require.Equal(t, codes.Unavailable, status.Code(err), err)
			require.ErrorContains(t, err, "the server is shutting down")
		}
		require.Equal(t, program.OK, server.Wait())
		require.Empty(t, server.Stderr())
		require.NoFileExists(t, path)
	}
}

// A reflection stream has no last word, nor has a client that says nothing: the
// grace ends them.
func TestItEndsWhenTheGraceIsOver(t *testing.T) {
	server, addrs, _ := start(t, "-grace", "50ms")
	for _, addr := range addrs {
		servertest.Dial(t, addr)
	}
	stream, err := reflectionpb.NewServerReflectionClient(dial(t, addrs[0])).ServerReflectionInfo(patience(t))
	require.NoError(t, err)
	require.NoError(t, stream.Send(&reflectionpb.ServerReflectionRequest{
		MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{},
	}))
	_, err = stream.Recv()
	require.NoError(t, err)
	server.Signal(os.Interrupt)
	_, err = stream.Recv()
	require.Error(t, err)
	require.Equal(t, program.OK, server.Wait())
}

func TestWhatIsNotGRPCHarmsNobody(t *testing.T) {
	_, addrs, _ := start(t)
	for _, addr := range addrs {
		stranger := servertest.Dial(t, addr)
		stranger.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		requireStatus(t, healthpb.HealthCheckResponse_SERVING)(
			healthpb.NewHealthClient(dial(t, addr)).Check(patience(t), &healthpb.HealthCheckRequest{}))
	}
}

func TestTheCommandLine(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, program.Usage, run(context.Background(), []string{"-grace", "-1s"}, &stdout, &stderr))
	require.Contains(t, stderr.String(), "-grace must not be negative")
	require.Empty(t, stdout.String())
}
