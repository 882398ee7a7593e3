//go:build linux

// Package rival has processes fight for one Unix path in scripts/soak: each wants
// to listen there in the same moment. They are commanded over their standard
// input; see package control.
package rival

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/glibserve/glibserve/ci/soak/control"
	"github.com/glibserve/glibserve/gio"
)

// As is the role's name: the argument of the process that calls Run.
const As = "as-rival"

// rivals is how many processes fight.
const rivals = 3

// Run serves commands until in ends.
func Run(in io.Reader, out io.Writer) error {
	var svc *gio.SocketService
	return control.Serve(in, out, func(name string, raw json.RawMessage) (any, error) {
		var path string
		if err := json.Unmarshal(raw, &path); err != nil {
			return nil, err
		}
		switch name {
		case "listen":
			svc = gio.NewSocketService(nil)
			_, err := svc.Listen("unix", path)
			if errors.Is(err, syscall.EADDRINUSE) {
				return false, svc.Close()
			}
			return true, err
		case "close":
			return nil, svc.Close()
		}
		return nil, fmt.Errorf("no command %q", name)
	})
}

// Rivals are the processes.
type Rivals struct {
	path string
	all  []*control.Child
	seen int
}

// Start starts them. The path will be in dir.
func Start(dir string, stderr io.Writer) (*Rivals, error) {
	r := &Rivals{path: filepath.Join(dir, "rivals")}
	for i := range rivals {
		c, err := control.Start(fmt.Sprintf("rival %d", i+1), stderr, []string{"G_DEBUG=fatal-criticals"}, As)
		if err != nil {
			return nil, errors.Join(err, r.End())
		}
		r.all = append(r.all, c)
	}
	return r, nil
}

// Fight leaves a socket that nobody listens on, as a process that was killed does, and
// has all listen there at once. One must, to which a client then comes, and the others
// must be told that somebody does. The error says otherwise.
func (r *Rivals) Fight() error {
	if err := r.leave(); err != nil {
		return err
	}
	listens, errs := make([]bool, len(r.all)), make([]error, len(r.all))
	var done sync.WaitGroup
	for i, c := range r.all {
		done.Add(1)
		go func() {
			defer done.Done()
			errs[i] = c.Call("listen", r.path, &listens[i])
		}()
	}
	done.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	n := 0
	for _, l := range listens {
		if l {
			n++
		}
	}
	if n != 1 {
		return fmt.Errorf("%d of %d processes listen at one path, in fight %d: one should", n, len(r.all), r.seen)
	}
	r.seen++
	c, err := net.Dial("unix", r.path)
	if err == nil {
		err = c.Close()
	}
	for _, c := range r.all {
		err = errors.Join(err, c.Call("close", r.path, nil))
	}
	return err
}

// leave leaves a stale socket.
func (r *Rivals) leave() error {
	_ = os.Remove(r.path)
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: r.path}), syscall.Close(fd))
}

// End ends the processes.
func (r *Rivals) End() (err error) {
	for _, c := range r.all {
		err = errors.Join(err, c.End())
	}
	return err
}
