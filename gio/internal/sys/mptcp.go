package sys

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// HasMultipathTCP tells whether the kernel makes sockets of Multipath TCP now: the
// administrator may switch that at any time.
func HasMultipathTCP() bool {
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
		if err == nil {
			_ = unix.Close(fd)
			return true
		}
	}
	return false
}

const (
	solMPTCP  = 0x11c
	mptcpInfo = 1
)

// IsMultipathTCP tells whether a connected socket speaks Multipath TCP. One that was
// made for it may have fallen back to TCP, which Linux tells since 5.16.
func IsMultipathTCP(fd int) (bool, error) {
	protocol, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	if err != nil {
		return false, os.NewSyscallError("getsockopt", err)
	}
	if protocol != unix.IPPROTO_MPTCP {
		return false, nil
	}
	switch _, err = syscall.GetsockoptInt(fd, solMPTCP, mptcpInfo); err {
	case syscall.EOPNOTSUPP, syscall.ENOPROTOOPT:
		return !KnowsMultipathFallback(), nil
	}
	return true, nil
}

// KnowsMultipathFallback tells whether those errors mean that: of a new socket, which is none
// of TCP yet, the kernel must know the option.
func KnowsMultipathFallback() bool {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
	if err != nil {
		return true
	}
	defer func() { _ = unix.Close(fd) }()
	_, err = unix.GetsockoptInt(fd, solMPTCP, mptcpInfo)
	return err == nil
}
