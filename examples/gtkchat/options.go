package main

import (
	"errors"
	"flag"
	"fmt"
	"net"

	"github.com/glibserve/glibserve/examples/chat/hub"
	"github.com/glibserve/glibserve/examples/shared/listen"
)

const usage = `Usage: gtkchat [flags]

A chat in a GTK window. It is a server on GTK's own main loop: people with a
terminal come in, and talk with you. It prints a line
"listening on NETWORK ADDRESS" for each address, and ends when you close the
window or press Ctrl-C, after it said goodbye to everybody.

    gtkchat
    gtkchat -listen tcp:127.0.0.1:9003 -listen unix:/tmp/gtkchat.sock

Come in from a terminal, or from another window:

    nc 127.0.0.1 9003
    gtkchat -join tcp:127.0.0.1:9003

With -join it is a guest of another server instead: of this program, or of the
example chat.
`

// options is the command line of the program.
type options struct {
	addresses *listen.Flag
	join      *listen.Address // nil: be a server
	name      string
}

func (o *options) register(flags *flag.FlagSet) {
	o.addresses = listen.Default("tcp:127.0.0.1:9003")
	flags.Var(o.addresses, "listen", "`address` to listen on, may be given several times:\n"+listen.Syntax)
	flags.Func("join", "`address` of a server to join, in place of being one:\n"+listen.Syntax, o.setJoin)
	flags.StringVar(&o.name, "name", "", "`nickname` to have; without it, the server chooses one")
}

func (o *options) setJoin(value string) error {
	address, err := listen.Parse(value)
	if err != nil {
		return err
	}
	if o.join != nil {
		return errors.New("one server can be joined, not two")
	}
	if address.Network != "unix" {
		host, port, err := net.SplitHostPort(address.Address)
		switch {
		case err != nil:
			return err
		case host == "":
			return fmt.Errorf("%q has no host: did you mean %s:127.0.0.1:%s?", value, address.Network, port)
		case port == "0":
			return fmt.Errorf("%q has no port: 0 is for listening", value)
		}
	}
	o.join = &address
	return nil
}

// check finds what is wrong with the values that package flag accepted.
func (o *options) check(flags *flag.FlagSet) error {
	var listens bool
	flags.Visit(func(f *flag.Flag) { listens = listens || f.Name == "listen" })
	if listens && o.join != nil {
		return errors.New("-listen is for a server and -join for a guest: use one of them")
	}
	if o.name != "" {
		if err := hub.CheckName(o.name); err != nil {
			return fmt.Errorf("-name %q will not do: %w", o.name, err)
		}
	}
	return nil
}
