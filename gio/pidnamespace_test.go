package gio_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/giotest"
)

// Who sends from outside of the PID namespace of this process has no process ID
// here, and a user all the same.

func init() {
	helpers["says who it is"] = saysWhoItIs
	helpers["hears who it is"] = hearsWhoItIs
	helpers["hears who connected"] = hearsWhoConnected
}

// saysWhoItIs is of the user UID, on the connection that it inherits.
func saysWhoItIs(args []string) error {
	uid, gid := os.Getuid(), os.Getgid()
	if want, err := strconv.Atoi(args[0]); err != nil {
		return err
	} else if want != uid {
		uid, gid = want, want
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(gid), syscall.Setuid(uid)); err != nil {
			return err
		}
	}
	conn, err := net.FileConn(os.NewFile(3, "connection"))
	if err != nil {
		return err
	}
	defer conn.Close()
	_, _, err = conn.(*net.UnixConn).WriteMsgUnix([]byte{0}, syscall.UnixCredentials(&syscall.Ucred{
		Pid: int32(os.Getpid()), Uid: uint32(uid), Gid: uint32(gid)}), nil)
	return err
}

// hearsWhoItIs connects two ends, hands one out, and wants UID to say there who it is.
func hearsWhoItIs(args []string) error {
	out, err := net.FileConn(os.NewFile(3, "control"))
	if err != nil {
		return err
	}
	defer out.Close()
	a, b, err := gio.SocketPair()
	if err != nil {
		return err
	}
	defer a.Close()
	defer b.Close()
	f, err := a.Socket().File()
	if err != nil {
		return err
	}
	defer f.Close()
	if _, _, err := out.(*net.UnixConn).WriteMsgUnix([]byte{0}, syscall.UnixRights(int(f.Fd())), nil); err != nil {
		return err
	}
	cred, err := b.ReceiveCredentials()
	if err != nil {
		return err
	}
	if got := fmt.Sprint(cred.PID, cred.UID); got != "0 "+args[0] {
		return fmt.Errorf("process and user %q sent, want %q", got, "0 "+args[0])
	}
	// A byte without, again, is who connected: this process.
	if _, err := a.Write([]byte{0}); err != nil {
		return err
	}
	if cred, err = b.ReceiveCredentials(); err != nil {
		return err
	}
	if cred.PID != os.Getpid() {
		return fmt.Errorf("process %d for a byte without credentials, want %d", cred.PID, os.Getpid())
	}
	return nil
}

// hearsWhoConnected listens at ADDRESS, says so, and wants its client to be UID.
func hearsWhoConnected(args []string) error {
	l := gio.NewSocketListener(nil)
	defer l.Close()
	if _, err := l.Listen("unix", args[1]); err != nil {
		return err
	}
	if _, err := os.NewFile(3, "control").Write([]byte("x")); err != nil {
		return err
	}
	c, _, err := l.Accept(context.Background())
	if err != nil {
		return err
	}
	defer c.Close()
	cred, err := c.PeerCredentials()
	if err != nil {
		return err
	}
	if got := fmt.Sprint(cred.PID, cred.UID); got != "0 "+args[0] {
		return fmt.Errorf("process and user %q connected, want %q", got, "0 "+args[0])
	}
	return nil
}

// startInPIDNamespace has a helper run as process 1 of a namespace, with one end of
// a connection, and returns the other. Root has all users there, others themselves.
func startInPIDNamespace(t *testing.T, name string, args ...string) (*exec.Cmd, *os.File) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	t.Cleanup(func() { _ = ours.Close() })
	defer theirs.Close()
	cmd := helper(t, name, args...)
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stderr = os.Stderr
	// Under -asan, LeakSanitizer finds threads by the /proc of the namespace outside: it stops
	// none, and tells what only these hold for lost.
	cmd.Env = append(cmd.Env, noLeakSanitizer)
	inNamespaces(cmd, syscall.CLONE_NEWPID)
	if os.Getuid() == 0 {
		all := []syscall.SysProcIDMap{{Size: 1 << 16}}
		cmd.SysProcAttr.UidMappings, cmd.SysProcAttr.GidMappings = all, all
	}
	giotest.SkipWithoutNamespaces(t, cmd.Start())
	return cmd, ours
}

func TestReceiveCredentialsFromOutsideThePIDNamespace(t *testing.T) {
	senders := []int{0, 65533, nobody} // nobody is also whom the kernel names for want of a user
	if os.Getuid() != 0 {
		senders = []int{os.Getuid()}
	}
	for _, uid := range senders {
		t.Run(strconv.Itoa(uid), func(t *testing.T) {
			seen := uid
			if os.Getuid() != 0 {
				seen = 0
			}
			if uid == nobody && !hasPIDFD(t) {
				t.Skip("before Linux 6.5 nobody outside cannot be told from none")
			}
			cmd, ours := startInPIDNamespace(t, "hears who it is", strconv.Itoa(seen))
			end := receiveFile(t, ours)
			says := helper(t, "says who it is", strconv.Itoa(uid))
			says.ExtraFiles = []*os.File{end}
			mustRun(t, says)
			require.NoError(t, cmd.Wait())
		})
	}
}

// receiveFile takes what came by hand over a blocking socket.
func receiveFile(t *testing.T, from *os.File) *os.File {
	t.Helper()
	control := make([]byte, syscall.CmsgSpace(4))
	_, n, _, _, err := syscall.Recvmsg(int(from.Fd()), make([]byte, 1), control, syscall.MSG_CMSG_CLOEXEC)
	require.NoError(t, err)
	messages, err := syscall.ParseSocketControlMessage(control[:n])
	require.NoError(t, err)
	require.Len(t, messages, 1)
	fds, err := syscall.ParseUnixRights(&messages[0])
	require.NoError(t, err)
	f := os.NewFile(uintptr(fds[0]), "received")
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func hasPIDFD(t *testing.T) bool {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	_, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSPIDFD)
	return err == nil
}

func TestPeerCredentialsFromOutsideThePIDNamespace(t *testing.T) {
	address := abstract(t)
	cmd, ours := startInPIDNamespace(t, "hears who connected", "0", address)
	_, err := ours.Read(make([]byte, 1))
	require.NoError(t, err)
	peer, err := net.Dial("unix", address)
	require.NoError(t, err)
	defer peer.Close()
	require.NoError(t, cmd.Wait())
}
