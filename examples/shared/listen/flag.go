package listen

import (
	"flag"
	"fmt"
	"strings"
)

// Flag is the value of a -listen flag that may be given several times.
// Its zero value has no addresses; those it is made with are defaults that
// the first -listen replaces.
type Flag struct {
	addresses []Address
	given     bool
}

var _ flag.Value = (*Flag)(nil)

// Default makes a Flag that stands for the given addresses until the user
// names some. It panics on one that does not parse: that is the program's
// mistake, not the user's.
func Default(addresses ...string) *Flag {
	f := &Flag{}
	for _, s := range addresses {
		address, err := Parse(s)
		if err != nil {
			panic(err)
		}
		f.addresses = append(f.addresses, address)
	}
	return f
}

// Addresses are the places to listen on.
func (f *Flag) Addresses() []Address { return f.addresses }

// String joins the addresses; package flag shows it as the default.
func (f *Flag) String() string {
	words := make([]string, len(f.addresses))
	for i, address := range f.addresses {
		words[i] = address.String()
	}
	return strings.Join(words, " ")
}

// Set adds one address.
func (f *Flag) Set(s string) error {
	address, err := Parse(s)
	if err != nil {
		return err
	}
	if !f.given {
		f.given, f.addresses = true, nil
	}
	for _, other := range f.addresses {
		if other == address && !address.AnyPort() {
			return fmt.Errorf("%s is given twice", address)
		}
	}
	f.addresses = append(f.addresses, address)
	return nil
}
