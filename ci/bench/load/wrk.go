//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"github.com/glibserve/glibserve/ci/bench/internal/report"
)

// runWrk measures HTTP with wrk, which knows no warm-up: a first run is thrown
// away.
func runWrk(ctx context.Context, o *options) (*report.Report, error) {
	if o.warmup > 0 {
		if _, err := wrk(ctx, o, time.Second); err != nil {
			return nil, err
		}
	}
	from, err := takeSample(o.pid)
	if err != nil {
		return nil, err
	}
	out, err := wrk(ctx, o, o.length)
	if err != nil {
		return nil, err
	}
	to, err := takeSample(o.pid)
	if err != nil {
		return nil, err
	}
	r := &report.Report{}
	if err := parseWrk(out, r); err != nil {
		return nil, err
	}
	// wrk's own time, without its start and its end, gives the rate.
	seconds := r.Seconds
	fill(r, from, to, o.threads)
	r.Seconds = seconds
	return r, fillMemory(r, o.pid)
}

// wrk runs it; its times are whole seconds.
func wrk(ctx context.Context, o *options, length time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, length+30*time.Second)
	defer cancel()
	seconds := max(1, int(length.Round(time.Second)/time.Second))
	cmd := exec.CommandContext(ctx, "wrk", "--latency", "-t", strconv.Itoa(o.threads), "-c", strconv.Itoa(max(o.conns, o.threads)),
		"-d", fmt.Sprintf("%ds", seconds), "http://"+o.addr+"/")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("wrk: %w: %s", err, bytes.TrimSpace(out))
	}
	return out, nil
}

var (
	wrkTotal    = regexp.MustCompile(`(\d+) requests in ([\d.]+)(us|ms|s|m|h),`)
	wrkQuantile = regexp.MustCompile(`(?m)^\s*(50|99)%\s+([\d.]+)(us|ms|s|m|h)`)
	wrkErrors   = regexp.MustCompile(`Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)`)
	wrkStatus   = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`)
)

// parseWrk reads what wrk prints.
func parseWrk(out []byte, r *report.Report) error {
	total := wrkTotal.FindSubmatch(out)
	quantiles := wrkQuantile.FindAllSubmatch(out, -1)
	if total == nil || len(quantiles) != 2 {
		return errors.New("wrk printed something else than expected")
	}
	ops, err := strconv.ParseFloat(string(total[1]), 64)
	if err != nil {
		return err
	}
	length, err := wrkDuration(total[2], total[3])
	if err != nil {
		return err
	}
	r.Ops, r.Seconds = ops, length.Seconds()
	for i, to := range []*float64{&r.P50, &r.P99} {
		d, err := wrkDuration(quantiles[i][2], quantiles[i][3])
		if err != nil {
			return err
		}
		*to = float64(d)
	}
	if m := wrkErrors.FindSubmatch(out); m != nil {
		for i, what := range []string{"connect", "read", "write", "timeout"} {
			if n, _ := strconv.Atoi(string(m[1+i])); n > 0 {
				r.Count("wrk: "+what, n)
			}
		}
	}
	if m := wrkStatus.FindSubmatch(out); m != nil {
		n, _ := strconv.Atoi(string(m[1]))
		r.Count("wrk: the answer is not 200 OK", n)
	}
	return nil
}

// wrkDuration reads a number and a unit, which Go's own syntax knows as well.
func wrkDuration(number, unit []byte) (time.Duration, error) {
	return time.ParseDuration(string(number) + string(unit))
}
