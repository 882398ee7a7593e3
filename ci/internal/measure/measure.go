//go:build linux

// Package measure is what the runners of scripts/bench and scripts/frames share: they start
// servers, and the load generator of ci/bench, and say on what machine.
package measure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Interrupted is the status after Ctrl-C.
const Interrupted = 130

// EndTime is how long a program that was asked to end may take until it is killed.
const EndTime = 5 * time.Second

// Seconds is a duration on the command line whose unit may be left out.
type Seconds time.Duration

// String is the duration with its unit.
func (s *Seconds) String() string { return time.Duration(*s).String() }

// Set reads it.
func (s *Seconds) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		if d, err = time.ParseDuration(text + "s"); err != nil {
			return errors.New("use a number of seconds")
		}
	}
	*s = Seconds(d)
	return nil
}

// Clock is a time as minutes and seconds.
func Clock(d time.Duration) string {
	return fmt.Sprintf("%2d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}

// Apart starts a command in a process group of its own, so that Ctrl-C comes to the
// runner alone, and makes it end when the runner dies.
func Apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// Load is a run of the load generator.
type Load struct {
	Bin     string // folder of the built programs
	Address string // of the server
	PID     int    // of the server
	Warmup  time.Duration
	Length  time.Duration // without the warm-up
	Args    []string      // what else it is told
}

// Run runs it, and reads its report. It has as long as it should take, and patience more.
func (l *Load) Run(ctx context.Context, patience time.Duration, report any) error {
	ctx, cancel := context.WithTimeout(ctx, l.Warmup+l.Length+patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(l.Bin, "load"), append([]string{
		"-addr", l.Address, "-pid", fmt.Sprint(l.PID),
		"-length", l.Length.String(), "-warmup", l.Warmup.String(),
	}, l.Args...)...)
	Apart(cmd)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = EndTime
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if text := strings.TrimSpace(stderr.String()); text != "" {
			err = errors.New(text)
		}
		return err
	}
	if err := json.Unmarshal(stdout.Bytes(), report); err != nil {
		return fmt.Errorf("the load generator's report: %w", err)
	}
	return nil
}

// Processor is the name of the machine's.
func Processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "an unknown processor"
}

// Version is that of a library, by its name for pkg-config.
func Version(ctx context.Context, module string) string {
	out, err := exec.CommandContext(ctx, "pkg-config", "--modversion", module).Output()
	if err != nil {
		return "of unknown version"
	}
	return strings.TrimSpace(string(out))
}
