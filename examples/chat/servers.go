package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/glibserve/glibserve/examples/chat/cluster"
	"github.com/glibserve/glibserve/examples/chat/hub"
)

// checkNATS finds what is wrong with the flags about other servers.
func (o *options) checkNATS() error {
	if o.natsBeat < 20*time.Millisecond || o.natsBeat > time.Minute {
		return errors.New("-nats-heartbeat must be between 20ms and 1m")
	}
	if err := cluster.CheckSubject(o.natsSubject); err != nil {
		return fmt.Errorf("-nats-subject %q will not do: %w", o.natsSubject, err)
	}
	if o.nats == "" {
		return nil
	}
	if err := cluster.CheckURL(o.nats); err != nil {
		return fmt.Errorf("-nats: %w", err)
	}
	return nil
}

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
