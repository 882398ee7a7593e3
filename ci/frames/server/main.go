// Command server is the window with a server in the same process, or with
// goroutines that change its label: what scripts/frames puts a load on and counts the frames of.
//
// Lines on its standard input are commands: start and stop changing the label,
// report what was drawn, quit.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/glibserve/glibserve/ci/frames/window"
	"github.com/glibserve/glibserve/examples/shared/listen"
	"github.com/glibserve/glibserve/examples/shared/program"
)

const usage = `Usage: server [-by SERVER] [-post WAY]

A GTK 4 window with an animation, and in the same process a server that sends
back what it gets, or goroutines that change a label. scripts/frames runs it.
Commands come on standard input, a line each: start, stop, report, quit.
`

// GTK's thread is the process's first.
func init() { runtime.LockOSThread() }

func main() { program.Main(run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	const name = "frames' server"
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	by := flags.String("by", "none", "what `serves`: "+names(servers))
	post := flags.String("post", "", "the `way` to change the label: "+names(ways))
	rate := flags.Int("rate", 40_000, "label `changes` a second")
	if status, done := program.Parse(flags, usage, args, stdout, stderr); done {
		return status
	}
	server, way := servers[*by], ways[*post]
	switch {
	case server.about == "":
		return program.Refuse(name, fmt.Errorf("-by %s: use one of %s", *by, names(servers)), stderr)
	case way.about == "":
		return program.Refuse(name, fmt.Errorf("-post %s: use one of %s", *post, names(ways)), stderr)
	case *rate < posters:
		return program.Refuse(name, fmt.Errorf("-rate is %d or more", posters), stderr)
	}
	text := server.about
	if *post != "" {
		text = way.about
	}
	if !window.Open("frames", text) {
		return program.Fail(name, errors.New("there is no display to open a window on: is DISPLAY or WAYLAND_DISPLAY set?"), stderr)
	}
	if server.serve != nil {
		addr, err := server.serve()
		if err == nil {
			err = listen.Announce(stdout, addr)
		}
		if err != nil {
			return program.Fail(name, err, stderr)
		}
	}
	if server.serve == nil {
		fmt.Fprintln(stdout, "ready")
	}
	context.AfterFunc(ctx, window.Quit)
	go obey(stdout, &poster{way: way.change, rate: *rate})
	window.Run()
	return program.OK
}

// obey does what the lines of the standard input say, on a goroutine, until they end.
func obey(stdout io.Writer, p *poster) {
	defer window.Quit()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		switch lines.Text() {
		case "start":
			p.start()
		case "stop":
			p.stop()
		case "report":
			fmt.Fprintln(stdout, window.Report())
		case "quit":
			return
		}
	}
}
