// Package listen is what the servers here and in ci/ share about listening: the
// syntax of their -listen flag, the opening of every address that was asked
// for, and sentences for the people who read what went wrong.
package listen

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Syntax describes what Parse accepts, for the -h of a program.
const Syntax = `tcp:HOST:PORT, tcp4:..., tcp6:..., unix:PATH or unix:@NAME (abstract)`

// maxUnixPath is what sockaddr_un has room for beside the byte that ends a
// path, or begins an abstract name.
const maxUnixPath = 107

// Address is one place to listen on, in the words of package net.
type Address struct {
	Network string // tcp, tcp4, tcp6 or unix
	Address string // host:port, a path, or @name
}

// String is the form that Parse reads.
func (a Address) String() string { return a.Network + ":" + a.Address }

// AnyPort tells whether the port is 0, which is a free one each time.
func (a Address) AnyPort() bool { return a.Network != "unix" && strings.HasSuffix(a.Address, ":0") }

// Parse reads the value of a -listen flag. It looks for everything that can
// be known to be wrong without trying, so that a typing mistake is a usage
// error and not one of the run.
func Parse(s string) (Address, error) {
	network, address, found := strings.Cut(s, ":")
	switch network {
	case "tcp", "tcp4", "tcp6":
		return parseTCP(network, address)
	case "unix":
		return parseUnix(address)
	}
	switch {
	case s == "":
		return Address{}, errors.New("an address is missing: " + Syntax)
	case strings.HasPrefix(s, "/"), strings.HasPrefix(s, "@"), strings.HasPrefix(s, "./"):
		return Address{}, fmt.Errorf("%q does not say which network: did you mean unix:%s?", s, s)
	case found:
		if _, err := parseTCP("tcp", s); err == nil {
			return Address{}, fmt.Errorf("%q does not say which network: did you mean tcp:%s?", s, s)
		}
	}
	return Address{}, fmt.Errorf("%q is not an address to listen on: use %s", s, Syntax)
}

func parseTCP(network, address string) (Address, error) {
	if _, err := parsePort(address); err == nil {
		return Address{}, fmt.Errorf("%s:%s has no host: did you mean %s:127.0.0.1:%s, or %s::%s for every address of this machine?",
			network, address, network, address, network, address)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		var bad *net.AddrError
		if errors.As(err, &bad) {
			err = errors.New(bad.Err)
		}
		return Address{}, fmt.Errorf("%q is not HOST:PORT: %w (IPv6 goes in brackets: %s:[::1]:9000)", address, err, network)
	}
	number, err := parsePort(port)
	if err != nil {
		return Address{}, err
	}
	if strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return Address{}, fmt.Errorf("the host %q has a space or a control character in it", host)
	}
	if ip := net.ParseIP(host); ip != nil {
		is4 := ip.To4() != nil && !strings.Contains(host, ":")
		if network == "tcp4" && !is4 || network == "tcp6" && is4 {
			return Address{}, fmt.Errorf("%s is not an address of %s", host, network)
		}
	}
	return Address{Network: network, Address: net.JoinHostPort(host, strconv.Itoa(number))}, nil
}

func parsePort(s string) (int, error) {
	number, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("the port %q is not a number from 0 to 65535 (0 takes a free one)", s)
	}
	return int(number), nil
}

func parseUnix(path string) (Address, error) {
	switch {
	case path == "":
		return Address{}, errors.New("unix: needs a path, or @ and a name")
	case path == "@":
		return Address{}, errors.New("unix:@ needs a name after the @")
	case strings.ContainsRune(path, 0):
		return Address{}, errors.New("the path has a zero byte in it")
	case strings.HasPrefix(path, "@") && len(path)-1 > maxUnixPath:
		return Address{}, fmt.Errorf("the name of a Unix socket has at most %d bytes, this one has %d", maxUnixPath, len(path)-1)
	case !strings.HasPrefix(path, "@") && len(path) > maxUnixPath:
		return Address{}, fmt.Errorf("the path of a Unix socket has at most %d bytes, this one has %d", maxUnixPath, len(path))
	}
	return Address{Network: "unix", Address: path}, nil
}
