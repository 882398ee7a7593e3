package faults_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio/internal/test/faults"
	"github.com/glibserve/glibserve/gio/internal/test/giotest"
)

// The fault table: the same faults for a plain GSocketService in C
// (testdata/plain.c) and for this library, measured in one run:
//
//	go test ./gio/internal/test/faults -run TestFaultTable -v
//
// prints the table of FAULTS.md.

// throughout measures a second in which clients wait and something is wrong, and
// then how long the clients waited once it was right again.
func (p *faultPeer) throughout(wrong, right func()) string {
	require.True(p.t, get(p.connect()), "serves before")
	wrong()
	clients := []net.Conn{p.connect(), p.connect(), p.connect()}
	// Its first reaction is not what is measured.
	time.Sleep(100 * time.Millisecond)
	before := p.cpu()
	warnings, _ := p.logged()
	time.Sleep(time.Second)
	spent := p.cpu() - before
	now, _ := p.logged()
	right()
	began, served := time.Now(), 0
	for _, c := range clients {
		if get(c) {
			served++
		}
	}
	return fmt.Sprintf("%d %% of a core, %d warnings a second; then %d of %d served within %d ms",
		spent.Milliseconds()/10, now-warnings, served, len(clients), roundUp(time.Since(began)))
}

// roundUp keeps milliseconds from looking more exact than they are.
func roundUp(d time.Duration) int64 { return (d.Milliseconds()/10 + 1) * 10 }

// faultScene is a row: what a server does in it, as words and as what must be
// true of this library.
type faultScene struct {
	name string
	args func(t *testing.T) []string
	play func(p *faultPeer) (words string, good bool)
}

func acceptFails(errno syscall.Errno, name string) faultScene {
	return faultScene{name: "accept(2) answers " + name + " for a second", play: func(p *faultPeer) (string, bool) {
		words := p.throughout(func() { p.f.Fail(faults.Accept, errno, 0, -1) }, func() { p.f.Stop(faults.Accept) })
		warnings, _ := p.logged()
		return words, warnings < 40 && strings.Contains(words, "3 of 3")
	}}
}

func acceptFailsOnce(errno syscall.Errno, name string) faultScene {
	return faultScene{name: "accept(2) answers " + name + " 5 times", play: func(p *faultPeer) (string, bool) {
		p.f.Fail(faults.Accept, errno, 0, 5)
		served := 0
		for range 10 {
			if get(p.connect()) {
				served++
			}
		}
		warnings, _ := p.logged()
		return fmt.Sprintf("%d of 10 clients served, %d warnings", served, warnings), served == 10
	}}
}

func unixPath(t *testing.T) string { return filepath.Join(t.TempDir(), "s") }

// listens is what becomes of a path that is taken in some way.
func listens(name string, before func(t *testing.T, path string), good func(p *faultPeer, path string) bool) faultScene {
	var path string
	return faultScene{
		name: name,
		args: func(t *testing.T) []string {
			path = unixPath(t)
			before(t, path)
			return []string{path}
		},
		play: func(p *faultPeer) (string, bool) {
			words := "refused: " + p.why
			if p.addr != nil {
				words = "listens"
				if get(p.connect()) {
					words += " and serves"
				}
			}
			return strings.ReplaceAll(words, path, "PATH"), good(p, path)
		},
	}
}

func faultScenes() []faultScene {
	return []faultScene{
		{name: "other code holds every descriptor for a second", play: func(p *faultPeer) (string, bool) {
			words := p.throughout(func() { p.tell("hog") }, func() { p.tell("free") })
			warnings, _ := p.logged()
			// None, unless they went in the moment after the service had looked.
			return words, warnings <= 8 && strings.Contains(words, "3 of 3")
		}},
		acceptFails(syscall.ENFILE, "ENFILE"),
		acceptFails(syscall.ENOMEM, "ENOMEM"),
		acceptFails(syscall.ENOBUFS, "ENOBUFS"),
		acceptFailsOnce(syscall.ECONNABORTED, "ECONNABORTED"),
		acceptFailsOnce(syscall.EPROTO, "EPROTO"),
		acceptFailsOnce(syscall.EINTR, "EINTR"),
		listenerStolen(),
		{name: "8 clients reset before they are accepted", play: func(p *faultPeer) (string, bool) {
			p.tell("stop")
			for range 8 { // plain GIO has a backlog of 10
				c := p.connect().(*net.TCPConn)
				require.NoError(p.t, c.SetLinger(0))
				require.NoError(p.t, c.Close())
			}
			p.tell("start")
			served := get(p.connect())
			_, none := p.logged()
			return fmt.Sprintf("%d have no address; the next client is served: %v", none, served), none == 0 && served
		}},
		{name: "stop and start, 20 times, with a client in the queue", play: func(p *faultPeer) (string, bool) {
			lost := 0
			for range 20 {
				c := p.connect()
				p.tell("stop")
				p.tell("start")
				if !get(c) {
					lost++
				}
			}
			return fmt.Sprintf("%d of 20 clients lost", lost), lost == 0
		}},
		listens("a stale socket at the path", func(t *testing.T, path string) { giotest.StalePath(t, path) },
			func(p *faultPeer, _ string) bool { return p.addr != nil }),
		listens("a file at the path", func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, []byte("mine"), 0o600)) },
			func(p *faultPeer, path string) bool {
				b, err := os.ReadFile(path)
				return p.addr == nil && err == nil && string(b) == "mine"
			}),
		listens("a symbolic link at the path", func(t *testing.T, path string) { require.NoError(t, os.Symlink("nowhere", path)) },
			func(p *faultPeer, path string) bool {
				_, err := os.Readlink(path)
				return p.addr == nil && err == nil
			}),
		{name: "the path after close", args: func(t *testing.T) []string { return []string{unixPath(t)} }, play: func(p *faultPeer) (string, bool) {
			p.tell("close")
			_, err := os.Lstat(p.addr.String())
			gone := errors.Is(err, os.ErrNotExist)
			return map[bool]string{true: "is gone", false: "stays behind"}[gone], gone
		}},
	}
}

func TestFaultTable(t *testing.T) {
	names, start := faultServers(t)
	var table strings.Builder
	fmt.Fprintf(&table, "\nGLib %s\n\n| fault | %s |\n|---|---|---|\n", strings.TrimSpace(giotest.PkgConfig(t, "--modversion", "gio-2.0")), strings.Join(names, " | "))
	for _, scene := range faultScenes() {
		row := []string{scene.name}
		for _, name := range names {
			t.Run(scene.name+"/"+name, func(t *testing.T) {
				var args []string
				if scene.args != nil {
					args = scene.args(t)
				}
				words, good := scene.play(start[name](t, args...))
				if name != names[0] {
					require.True(t, good, words)
				}
				row = append(row, words)
			})
		}
		fmt.Fprintf(&table, "| %s |\n", strings.Join(row, " | "))
	}
	t.Log(table.String())
}
