//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/glibserve/glibserve/ci/internal/measure"
)

const startTime = 20 * time.Second // until a server says where it listens

// server is a running one.
type server struct {
	cmd     *exec.Cmd
	address string
	stderr  head
	ended   chan struct{}
	err     error // once ended is closed
}

// startServer runs a command of the folder bin, in the folder dir, until it
// says where it listens.
func startServer(ctx context.Context, bin, dir string, command []string) (*server, error) {
	s := &server{cmd: exec.Command(filepath.Join(bin, command[0]), command[1:]...), ended: make(chan struct{})}
	measure.Apart(s.cmd)
	s.cmd.Dir = dir
	s.cmd.Stderr = &s.stderr
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	lines := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		lines <- line
		_, _ = io.Copy(io.Discard, stdout)
		s.err = s.cmd.Wait()
		close(s.ended)
	}()

	timer := time.NewTimer(startTime)
	defer timer.Stop()
	select {
	case line := <-lines:
		address, found := strings.CutPrefix(strings.TrimSpace(line), "listening on tcp ")
		if found {
			s.address = address
			return s, nil
		}
		err = fmt.Errorf("said %q and not where it listens", line)
	case <-timer.C:
		err = errors.New("did not say where it listens")
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.stop()
	return nil, s.explain(err)
}

func (s *server) pid() int { return s.cmd.Process.Pid }

func (s *server) running() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// stop asks the server to end, and makes it.
func (s *server) stop() {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		_ = s.cmd.Process.Signal(sig)
		timer := time.NewTimer(measure.EndTime)
		select {
		case <-s.ended:
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// explain adds what the server itself said to an error.
func (s *server) explain(err error) error {
	if s.running() {
		return err
	}
	if s.err != nil {
		err = fmt.Errorf("%w (it ended: %w)", err, s.err)
	}
	if text := s.stderr.String(); text != "" {
		err = fmt.Errorf("%w; it said: %s", err, text)
	}
	return err
}

// head keeps the beginning of what is written: what a crashing program says
// first is what matters.
type head struct{ text []byte }

const headSize = 400

func (h *head) Write(p []byte) (int, error) {
	h.text = append(h.text, p[:min(len(p), headSize-len(h.text))]...)
	return len(p), nil
}

func (h *head) String() string { return strings.Join(strings.Fields(string(h.text)), " ") }
