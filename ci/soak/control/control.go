//go:build linux

// Package control lets scripts/soak command its server and its load, which are
// processes of their own: a line of JSON on their standard input for each
// command, a line on their standard output for its answer.
package control

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

type request struct {
	Command string
	Args    json.RawMessage
}

type answer struct {
	Error  string
	Result json.RawMessage
}

// Serve answers commands one after the other until in ends.
func Serve(in io.Reader, out io.Writer, handle func(command string, args json.RawMessage) (any, error)) error {
	d, e := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var r request
		if err := d.Decode(&r); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		result, err := handle(r.Command, r.Args)
		var a answer
		if err != nil {
			a.Error = err.Error()
		} else if a.Result, err = json.Marshal(result); err != nil {
			return err
		}
		if err := e.Encode(a); err != nil {
			return err
		}
	}
}

// Child is a process that serves commands.
type Child struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser

	mu  sync.Mutex // one command at a time
	out *json.Decoder
}

// Start runs this same program with other arguments. It has the terminal's
// Ctrl-C ignored by being in a process group of its own, and ends when its
// standard input does, so also when this process is killed.
func Start(name string, stderr io.Writer, env []string, args ...string) (*Child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &Child{name: name, cmd: exec.Command(self, args...)}
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.Stderr = stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = json.NewDecoder(bufio.NewReader(out))
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("the %s does not start: %w", name, err)
	}
	return c, nil
}

// Call sends a command and waits for its answer, which goes to result.
func (c *Child) Call(command string, args, result any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	raw, err := json.Marshal(args)
	if err != nil {
		return err
	}
	var a answer
	err = json.NewEncoder(c.in).Encode(request{command, raw})
	if err == nil {
		err = c.out.Decode(&a)
	}
	if err != nil {
		return fmt.Errorf("the %s has ended (%s: %w)", c.name, command, err)
	}
	if a.Error != "" {
		return fmt.Errorf("%s, %s: %s", c.name, command, a.Error)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(a.Result, result)
}

// PID is that of the process.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// End has the process end and waits for it. The error is how it ended.
func (c *Child) End() error {
	_ = c.in.Close()
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("the %s ended badly: %w", c.name, err)
	}
	return nil
}
