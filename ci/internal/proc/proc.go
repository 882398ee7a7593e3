//go:build linux

// Package proc reads from the operating system what a process has used.
package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// tick is the kernel's unit here: USER_HZ is 100 on every Linux that Go runs on.
const tick = time.Second / 100

// CPU is processor time used by all threads of a process, also by those that
// have ended.
type CPU struct {
	Total     time.Duration // exact
	User, Sys time.Duration // the kernel's estimate, in ticks of 10 ms
}

// Sub is what was used between two readings. The exact total is divided in
// the proportion of the ticks.
func (c CPU) Sub(before CPU) CPU {
	d := CPU{Total: c.Total - before.Total}
	user, sys := c.User-before.User, c.Sys-before.Sys
	if ticks := user + sys; ticks > 0 {
		d.User = time.Duration(float64(d.Total) * float64(user) / float64(ticks))
		d.Sys = d.Total - d.User
	}
	return d
}

// ReadCPU reads the processor time of pid.
func ReadCPU(pid int) (CPU, error) {
	total, err := clock(pid)
	if err != nil {
		return CPU{}, fmt.Errorf("processor time of process %d: %w", pid, err)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return CPU{}, err
	}
	user, sys, err := parseStat(stat)
	return CPU{Total: total, User: user, Sys: sys}, err
}

// clock is clock_getcpuclockid(3) and clock_gettime(2): nanoseconds, where
// /proc/PID/stat has ticks.
func clock(pid int) (time.Duration, error) {
	const schedClock = 2 // CPUCLOCK_SCHED of a process
	var ts syscall.Timespec
	id := int32(^pid)<<3 | schedClock
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(id), uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0, errno
	}
	return time.Duration(ts.Nano()), nil
}

// parseStat finds utime and stime, the fields 14 and 15. The second field is
// the command's name, which may contain anything.
func parseStat(stat []byte) (user, sys time.Duration, err error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, 0, errors.New("/proc/PID/stat is too short")
	}
	u, uerr := strconv.ParseInt(string(fields[11]), 10, 64)
	s, serr := strconv.ParseInt(string(fields[12]), 10, 64)
	return time.Duration(u) * tick, time.Duration(s) * tick, errors.Join(uerr, serr)
}

// ReadMachine is the processor time that all processors have spent on work,
// other people's machines (steal) included.
func ReadMachine() (time.Duration, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	return parseMachine(stat)
}

func parseMachine(stat []byte) (time.Duration, error) {
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	fields := bytes.Fields(line) // cpu user nice system idle iowait irq softirq steal ...
	if len(fields) < 9 || string(fields[0]) != "cpu" {
		return 0, errors.New("/proc/stat does not begin with the line that is expected")
	}
	var busy time.Duration
	for _, i := range []int{1, 2, 3, 6, 7, 8} {
		n, err := strconv.ParseInt(string(fields[i]), 10, 64)
		if err != nil {
			return 0, err
		}
		busy += time.Duration(n) * tick
	}
	return busy, nil
}

// Memory is what a process has resident, in bytes, and its threads.
type Memory struct {
	RSS, HWM int64
	Threads  int64
}

// ReadMemory reads that of pid.
func ReadMemory(pid int) (Memory, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Memory{}, err
	}
	return parseStatus(status)
}

func parseStatus(status []byte) (Memory, error) {
	var m Memory
	for _, want := range []struct {
		name  string
		scale int64
		to    *int64
	}{{"VmRSS:", 1024, &m.RSS}, {"VmHWM:", 1024, &m.HWM}, {"Threads:", 1, &m.Threads}} {
		_, rest, found := bytes.Cut(status, []byte("\n"+want.name))
		fields := bytes.Fields(rest)
		if !found || len(fields) == 0 {
			return m, fmt.Errorf("/proc/PID/status has no %s the process has ended", want.name)
		}
		n, err := strconv.ParseInt(string(fields[0]), 10, 64)
		if err != nil {
			return m, err
		}
		*want.to = n * want.scale
	}
	return m, nil
}
