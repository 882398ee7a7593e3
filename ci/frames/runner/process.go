//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/glibserve/glibserve/ci/internal/measure"
)

const startTime = 20 * time.Second // until a program has its window

// process is a program with a window.
type process struct {
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	lines   chan string // what it says
	stderr  bytes.Buffer
	address string // where it serves; empty when it does not
	ended   chan struct{}
}

// start runs a command of the folder bin until it says that it is ready.
func start(ctx context.Context, bin string, env map[string]string, command []string) (*process, error) {
	p := &process{cmd: exec.Command(filepath.Join(bin, command[0]), command[1:]...), lines: make(chan string, 1), ended: make(chan struct{})}
	measure.Apart(p.cmd)
	p.cmd.Env = os.Environ()
	for name, value := range env {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	p.cmd.Stderr = &p.stderr
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		for r := bufio.NewReader(stdout); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				break
			}
			p.lines <- line
		}
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	line, err := p.line(ctx, startTime)
	if err != nil {
		p.stop()
		return nil, p.explain(err)
	}
	p.address, _ = strings.CutPrefix(strings.TrimSpace(line), "listening on tcp ")
	if p.address == "ready" {
		p.address = ""
	}
	return p, nil
}

// line waits for the next one.
func (p *process) line(ctx context.Context, patience time.Duration) (string, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case line := <-p.lines:
		return line, nil
	case <-p.ended:
		return "", errors.New("it ended by itself")
	case <-timer.C:
		return "", errors.New("it says nothing")
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// tell sends a command.
func (p *process) tell(command string) error {
	_, err := io.WriteString(p.stdin, command+"\n")
	return err
}

// drawn is what a window says that it drew: window.h has the format.
type drawn struct {
	Refresh  float64    // microseconds from one frame to the next
	Frames   [][2]int64 // when each was drawn, and the label's changes until then
	Asked    int64      // label changes
	Labels   int64
	Disorder int64
}

func (p *process) report(ctx context.Context) (*drawn, error) {
	if err := p.tell("report"); err != nil {
		return nil, err
	}
	line, err := p.line(ctx, startTime)
	if err != nil {
		return nil, err
	}
	d := &drawn{}
	if err := json.Unmarshal([]byte(line), d); err != nil {
		return nil, fmt.Errorf("the window's report: %w", err)
	}
	return d, nil
}

// stop asks the program to end, and makes it.
func (p *process) stop() {
	_ = p.tell("quit")
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		timer := time.NewTimer(measure.EndTime)
		for waiting := true; waiting; {
			select {
			case <-p.ended:
				timer.Stop()
				return
			case <-p.lines:
			case <-timer.C:
				waiting = false
			}
		}
		_ = p.cmd.Process.Signal(sig)
	}
	<-p.ended
}

// explain adds what an ended program itself said to an error.
func (p *process) explain(err error) error {
	select {
	case <-p.ended:
		if text := strings.Join(strings.Fields(p.stderr.String()), " "); text != "" {
			return fmt.Errorf("%w; it said: %.400s", err, text)
		}
	default:
	}
	return err
}
