package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/glibserve/glibserve/examples/chat/cluster"
	"github.com/glibserve/glibserve/examples/chat/hub"
)

// newChat makes the hub and, with -nats, its link to other servers, which is
// still to be started; without, that is nil.
func newChat(opts *options, log *slog.Logger) (*hub.Hub, *cluster.Cluster, error) {
	cfg := hub.Config{
		MaxClients: opts.maxClients,
		MaxPerHost: opts.maxPerHost,
		Queue:      opts.queue,
		Rate:       opts.rate,
	}
	if opts.nats == "" {
		return hub.New(cfg), nil, nil
	}
	link, err := cluster.New(cluster.Config{URL: opts.nats, Subject: opts.natsSubject, Beat: opts.natsBeat, Logger: log})
	if err != nil {
		return nil, nil, err
	}
	cfg.Link, cfg.Server = link, link.ID()
	return hub.New(cfg), link, nil
}

// farewellTime is how long the other servers may take to be told that this
// one ends. Otherwise they find out by its silence.
const farewellTime = 2 * time.Second

func closeLink(link *cluster.Cluster) {
	ctx, cancel := context.WithTimeout(context.Background(), farewellTime)
	defer cancel()
	link.Close(ctx)
}
