package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
)

// firstSocket is the descriptor of the first socket (SD_LISTEN_FDS_START).
const firstSocket = 3

// check finds out whether systemd has handed sockets to this process, in
// sd_listen_fds(3)'s words, and if not, why. Package activation would take
// whatever descriptors there are for sockets, and silently have none when the
// environment is wrong.
func check(getenv func(string) string, self int, listens func(fd int) error) error {
	pid, count := getenv("LISTEN_PID"), getenv("LISTEN_FDS")
	if pid == "" && count == "" {
		return errors.New("systemd has handed over no socket (LISTEN_FDS is not set): start it by systemd or by systemd-socket-activate")
	}
	if n, err := strconv.Atoi(pid); err != nil || n <= 0 {
		return fmt.Errorf("LISTEN_PID is %q, which is not the id of a process", pid)
	} else if n != self {
		return fmt.Errorf("LISTEN_PID is %d and this is process %d: the sockets are for another program", n, self)
	}
	sockets, err := strconv.Atoi(count)
	if err != nil || sockets <= 0 {
		return fmt.Errorf("LISTEN_FDS is %q, which is not a number of sockets", count)
	}
	names := strings.Split(getenv("LISTEN_FDNAMES"), ":")
	if getenv("LISTEN_FDNAMES") != "" && len(names) != sockets {
		return fmt.Errorf("LISTEN_FDNAMES has %d names and LISTEN_FDS says %d sockets", len(names), sockets)
	}
	for i := range sockets {
		if err := listens(firstSocket + i); err != nil {
			return fmt.Errorf("descriptor %d of LISTEN_FDS=%d is no socket to listen on: %w", firstSocket+i, sockets, err)
		}
	}
	return nil
}

// listens tells whether fd is a stream socket that listens. What comes with
// Accept=yes, or by ListenDatagram=, is not.
func listens(fd int) error {
	is, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
	switch {
	case err != nil:
		return err
	case is == 0:
		return errors.New("it does not listen (the .socket unit needs ListenStream= and Accept=no)")
	}
	return nil
}
