package main

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// healthServer is grpc-go's, but that a Watch ends with the server: theirs
// goes on for as long as the client wants, and a graceful stop would wait for
// it until its time is up.
type healthServer struct {
	*health.Server
	ending context.Context // done when the server is about to end
}

// Watch runs on a goroutine of the call.
func (h healthServer) Watch(request *healthpb.HealthCheckRequest, stream healthpb.Health_WatchServer) error {
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	defer context.AfterFunc(h.ending, cancel)()
	w := &watch{Health_WatchServer: stream, ctx: ctx}
	err := h.Server.Watch(request, w)
	if h.ending.Err() == nil {
		return err
	}
	if w.last == healthpb.HealthCheckResponse_SERVING {
		// Cancelled before it could say so itself.
		if err := stream.Send(&healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_NOT_SERVING}); err != nil {
			return err
		}
	}
	return status.Error(codes.Unavailable, "the server is shutting down")
}

// watch is a stream that remembers what it told.
type watch struct {
	healthpb.Health_WatchServer
	ctx  context.Context
	last healthpb.HealthCheckResponse_ServingStatus
}

func (w *watch) Context() context.Context { return w.ctx }

func (w *watch) Send(response *healthpb.HealthCheckResponse) error {
	w.last = response.Status
	return w.Health_WatchServer.Send(response)
}
