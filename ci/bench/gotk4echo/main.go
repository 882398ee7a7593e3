// Command gotk4echo is the peer on raw gotk4: GSocketService as gotk4 wraps
// it, with blocking reads and writes on a goroutine for each connection.
package main

import (
	"io"
	"net"
	"os"
	"runtime"

	"github.com/diamondburned/gotk4/pkg/glib/v2"

	"github.com/glibserve/glibserve/ci/bench/internal/peer"
	"github.com/glibserve/glibserve/ci/internal/rawgotk4"
	"github.com/glibserve/glibserve/examples/shared/listen"
)

func main() {
	runtime.LockOSThread()
	peer.Main("gotk4echo", "Serves connections on raw gotk4, a goroutine for each.", serve)
}

func serve(opts peer.Options) error {
	addr, err := rawgotk4.Serve(opts.Address.Address, func(conn io.ReadWriter) { _ = opts.Work(conn) })
	if err != nil {
		return err
	}
	if err := listen.Announce(os.Stdout, []net.Addr{addr}); err != nil {
		return err
	}
	glib.NewMainLoop(nil, false).Run()
	return nil
}
