package gio_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// nobody is a user without rights, on every Linux.
const nobody = 65534

// becomeNobody gives up root's rights in a helper process; others keep theirs.
func becomeNobody() error {
	if os.Getuid() != 0 {
		return nil
	}
	return errors.Join(syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody))
}

func init() {
	// dial PATH: connects as nobody, says who it is, and waits to be released.
	helpers["dial"] = func(args []string) error {
		if err := becomeNobody(); err != nil {
			return err
		}
		c, err := net.Dial("unix", args[0])
		if err != nil {
			return err
		}
		defer c.Close()
		fmt.Println(os.Getpid(), os.Getuid(), os.Getgid())
		_, err = io.ReadAll(c)
		return err
	}
}

func TestPeerCredentialsAreOurOwnHere(t *testing.T) {
	for _, address := range []string{abstract(t), filepath.Join(t.TempDir(), "s")} {
		c, _ := pair(t, "unix", address)
		cred, err := c.PeerCredentials()
		require.NoError(t, err)
		require.Equal(t, os.Getpid(), cred.PID)
		require.Equal(t, os.Getuid(), cred.UID)
		require.Equal(t, os.Getgid(), cred.GID)
	}
}

func TestPeerCredentialsOfAnotherProcess(t *testing.T) {
	l, addr := listenOn(t, "unix", abstract(t))
	cmd := helper(t, "dial", addr.String())
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	var pid, uid, gid int
	_, err = fmt.Fscan(out, &pid, &uid, &gid)
	require.NoError(t, err)
	c, _, err := l.Accept(t.Context())
	require.NoError(t, err)
	cred, err := c.PeerCredentials()
	require.NoError(t, err)
	require.Equal(t, []int{pid, uid, gid}, []int{cred.PID, cred.UID, cred.GID})
	require.NotEqual(t, os.Getpid(), cred.PID)
	require.NoError(t, c.Close())
	require.NoError(t, cmd.Wait())
	_, err = c.PeerCredentials()
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestPeerCredentialsOnTCPAreAnError(t *testing.T) {
	everyTCP(t, func(t *testing.T, network, address string) {
		c, _ := pair(t, network, address)
		cred, err := c.PeerCredentials()
		require.Error(t, err, "got %+v", cred)
		require.Nil(t, cred)
	})
}
