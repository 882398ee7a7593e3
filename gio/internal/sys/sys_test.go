package sys_test

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio/internal/sys"
)

// pair is a connected pair of sockets that block.
func pair(t *testing.T) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = unix.Close(fds[0])
		_ = unix.Close(fds[1])
	})
	return fds[0], fds[1]
}

func TestEnsureNonblockRefusesWhatIsClosed(t *testing.T) {
	require.False(t, sys.EnsureNonblock(-1))
}

func TestEpollReadyDoesNotWait(t *testing.T) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	require.NoError(t, err)
	defer func() { _ = unix.Close(ep) }()
	a, b := pair(t)
	require.NoError(t, unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, a, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: 7}))
	events := make([]unix.EpollEvent, 4)
	require.Zero(t, sys.EpollReady(ep, events))
	_, err = unix.Write(b, []byte("x"))
	require.NoError(t, err)
	require.Equal(t, 1, sys.EpollReady(ep, events))
	require.EqualValues(t, 7, events[0].Fd)
	require.Zero(t, sys.EpollReady(-1, events))
}

func TestDupIsNotInherited(t *testing.T) {
	a, _ := pair(t)
	fd, err := sys.Dup(a)
	require.NoError(t, err)
	defer func() { _ = unix.Close(fd) }()
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	require.NoError(t, err)
	require.NotZero(t, flags&unix.FD_CLOEXEC)
	_, err = sys.Dup(-1)
	require.Equal(t, syscall.EBADF, err)
}

// The limit is that of the process: nothing else of this package's tests runs
// meanwhile.
func TestDescriptorsAreLowNearTheLimit(t *testing.T) {
	var was unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &was))
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &was) }()
	a, _ := pair(t)
	next, err := sys.Dup(a) // the lowest free descriptor
	require.NoError(t, err)
	require.NoError(t, unix.Close(next))

	limit := uint64(next + 10)
	set := was
	set.Cur = limit
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &set))
	unit := int(limit / 16)
	require.Positive(t, unit)
	require.Equal(t, int(limit)-unit-1, sys.DescriptorLimit())
	require.False(t, sys.DescriptorsLow(a, 1))
	require.True(t, sys.DescriptorsLow(a, 10/unit+1))

	set.Cur = uint64(next)
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &set))
	require.True(t, sys.DescriptorsLow(a, 0), "none is left")
}

func TestWithMessageIsTheOtherErrorToo(t *testing.T) {
	err := sys.WithMessage(os.ErrExist, "%s is there", "it")
	require.EqualError(t, err, "it is there")
	require.ErrorIs(t, err, os.ErrExist)
}
