package listen

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// Listener is what Open needs of a server: *gio.SocketService has it, and so
// does anything that tests put in its place.
type Listener interface {
	Listen(network, address string) (net.Addr, error)
}

// Open listens on every address, or on none that outlives the program: the
// first failure is returned, as a sentence, and the caller ends.
func Open(l Listener, addresses []Address) ([]net.Addr, error) {
	effective := make([]net.Addr, 0, len(addresses))
	for _, address := range addresses {
		addr, err := l.Listen(address.Network, address.Address)
		if err != nil {
			return nil, &Error{Address: address, Err: err}
		}
		effective = append(effective, addr)
	}
	return effective, nil
}

// Announce writes one line for each address: "listening on tcp 127.0.0.1:9000".
// Programs that start a server read them to learn the port.
func Announce(w io.Writer, addrs []net.Addr) error { return AnnounceWith(w, addrs, "") }

// AnnounceWith is Announce for a program that speaks several protocols, and
// says which: "listening on tcp 127.0.0.1:9000 with TLS". For "" it is Announce.
func AnnounceWith(w io.Writer, addrs []net.Addr, protocol string) error {
	if protocol != "" {
		protocol = " with " + protocol
	}
	for _, addr := range addrs {
		if _, err := fmt.Fprintf(w, "listening on %s %s%s\n", addr.Network(), addr, protocol); err != nil {
			return err
		}
	}
	return nil
}

// Error says in a sentence why an address could not be listened on.
type Error struct {
	Address Address
	Err     error
}

// Unwrap gives the error of the library.
func (e *Error) Unwrap() error { return e.Err }

func (e *Error) Error() string {
	return fmt.Sprintf("cannot listen on %s %s: %s", e.Address.Network, e.Address.Address, e.reason())
}

// reason puts the failures that people meet into their words. Any other
// keeps those of the library.
func (e *Error) reason() string {
	unix := e.Address.Network == "unix"
	switch {
	case unix && isOtherFile(e.Address.Address):
		return "there is something at that path that is not a socket; it is left alone"
	case errors.Is(e.Err, syscall.EADDRINUSE):
		return "another program is already listening there; end that one, or choose another address"
	case errors.Is(e.Err, syscall.EACCES), errors.Is(e.Err, syscall.EPERM):
		if unix {
			return "permission denied; choose a folder that you may write to"
		}
		return "permission denied; ports below 1024 are usually kept for the system, choose a higher one"
	case errors.Is(e.Err, syscall.EADDRNOTAVAIL):
		return "this machine has no such address"
	case errors.Is(e.Err, syscall.ENOENT) && unix:
		return "the folder of that path does not exist"
	case errors.Is(e.Err, syscall.ENOTDIR) && unix:
		return "a part of that path is not a folder"
	}
	return e.Err.Error()
}

// isOtherFile tells whether a path is taken by something that no server made,
// which the kernel reports as an address in use too.
func isOtherFile(path string) bool {
	if strings.HasPrefix(path, "@") {
		return false
	}
	info, err := os.Lstat(path)
	return err == nil && info.Mode().Type() != os.ModeSocket
}
