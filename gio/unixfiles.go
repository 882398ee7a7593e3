package gio

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sys"
)

// SendFiles passes descriptors of all the files to the peer of a Unix socket in one
// message, in the form of a GUnixFDMessage that g_socket_send_message sends: a zero
// byte that carries them, in their order. The peer takes them by ReceiveFiles,
// g_socket_receive_message or recvmsg(2). The files stay the caller's and may be
// closed when SendFiles returns; position and status flags are shared with the peer's.
//
// It is for any goroutine, waits its turn among Writes and blocks like one, as long
// as the write deadline allows. All of them go, or none. Linux takes 253 in one
// message: more are syscall.EINVAL. No file at all, or a nil one, is os.ErrInvalid, a
// closed one os.ErrClosed. While it sends, it needs as many free descriptors again.
// syscall.ETOOMANYREFS says that too many are on their way already and were not
// received. On a TCP connection it is syscall.EOPNOTSUPP.
func (sc *SocketConnection) SendFiles(files ...*os.File) error {
	return sc.sendFiles("send files", files)
}

func (sc *SocketConnection) sendFiles(op string, files []*os.File) error {
	c := sc.c
	defer runtime.KeepAlive(sc)
	if err := checkFiles(files); err != nil {
		return c.opError(op, err)
	}
	if err := c.needUnix(); err != nil {
		return c.opError(op, err)
	}
	m := native.NewFDMessage()
	defer m.Unref()
	for _, f := range files {
		if err := appendFile(m, f); err != nil {
			return c.opError(op, err)
		}
	}
	return c.sendMessage(op, m)
}

func checkFiles(files []*os.File) error {
	switch {
	case len(files) == 0:
		return sys.WithMessage(os.ErrInvalid, "no file")
	case len(files) > native.MaxFDs:
		return sys.WithMessage(syscall.EINVAL, "%d files: one message carries %d at most", len(files), native.MaxFDs)
	}
	for _, f := range files {
		if f == nil {
			return os.ErrInvalid
		}
	}
	return nil
}

func appendFile(m native.Message, f *os.File) (err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	if cerr := raw.Control(func(fd uintptr) { err = m.AppendFD(int(fd)) }); cerr != nil {
		return os.ErrClosed // the one reason, and os does not export it
	}
	return err
}

// ReceiveFiles takes the files of one message that the peer of a Unix socket sent by
// SendFiles, SendFile, or g_socket_send_message with a GUnixFDMessage
// (g_socket_receive_message), in their order. The files are the caller's to Close and
// are not inherited by programs that this one runs.
//
// When the message carries more than max files, the first max are returned together
// with an error that says how many came; the others are closed. With every other error
// there are no files. A message carries 253 at most; max below 1 is os.ErrInvalid.
//
// It is for any goroutine, waits its turn among Reads and blocks like one, as long
// as the read deadline allows. io.EOF means that the peer has closed, ErrNoFile that
// it sent data instead, which then is still there to Read. While fewer than max
// descriptors are free, the error is syscall.EMFILE and the files stay for a later
// call. On a TCP connection it is syscall.EOPNOTSUPP.
//
// A Read that reaches the byte of a message takes the byte and drops the files. On a
// "unixpacket" socket files come by a message of one byte alone: a longer one is data.
func (sc *SocketConnection) ReceiveFiles(max int) ([]*os.File, error) {
	const op = "receive files"
	if max < 1 {
		return nil, sc.c.opError(op, sys.WithMessage(os.ErrInvalid, "room for %d files", max))
	}
	files, came, err := sc.receiveFiles(op, max)
	if err == nil && came > len(files) {
		err = sc.c.opError(op, fmt.Errorf("the peer sent %d files at once: all but %d are closed", came, len(files)))
	}
	return files, err
}

// receiveFiles returns the first files, max or fewer, and how many came.
func (sc *SocketConnection) receiveFiles(op string, max int) (files []*os.File, came int, err error) {
	defer runtime.KeepAlive(sc)
	c := sc.c
	if err := c.needUnix(); err != nil {
		return nil, 0, c.opError(op, err)
	}
	r, err := c.fd.ReceiveFDs(max)
	switch {
	case err == io.EOF:
		return nil, 0, err
	case err != nil:
		return nil, 0, c.opError(op, err)
	case len(r.FDs) == 0 && r.Lost:
		return nil, 0, c.opError(op, sys.WithMessage(syscall.EMFILE, "no descriptor was free for what the peer sent: it is lost"))
	case len(r.FDs) == 0:
		return nil, 0, c.opError(op, ErrNoFile)
	}
	name := "received from " + c.addrs.remoteAddr().String()
	for _, fd := range r.FDs {
		files = append(files, os.NewFile(uintptr(fd), name))
	}
	return files, r.Came, nil
}

// ErrNoFile is what ReceiveFile and ReceiveFiles return when the peer's next byte came
// without a file: SendFile was not what it did. The byte is still there for Read.
var ErrNoFile = errors.New("gio: the peer sent data, not a file")
