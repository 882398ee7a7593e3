package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

// logOnSignal logs what the doors are doing whenever SIGUSR1 comes, until the result is
// called. Without it the signal would end the program.
func (ds doors) logOnSignal(chat *hub.Hub, log *slog.Logger) (end func()) {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer signal.Stop(asked)
		for {
			select {
			case <-ctx.Done():
				return
			case <-asked:
			}
			for _, d := range ds {
				for _, addr := range d.addrs {
					log.Info("door", "network", addr.Network(), "address", addr.String(), "service", d.stats())
				}
			}
			log.Info("chat", "clients", chat.Len())
		}
	}()
	return cancel
}
