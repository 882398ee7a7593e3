//go:build linux

package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/glibserve/glibserve/ci/bench/internal/report"
	"github.com/glibserve/glibserve/ci/internal/measure"
)

// loopTest is the compiled test of glibloop, whose benchmarks have the peers
// in them.
const loopTest = "glibloop.test"

// benchLine is a line such as
//
//	BenchmarkPost/producers=4/peer=C-invoke-2   1000000   930.1 ns/op   0 B/op
//
// where the last -2 is the number of processors, left out when it is 1.
var benchLine = regexp.MustCompile(`(?m)^Benchmark(\S+)/peer=(\S+?)(?:-\d+)?\s+\d+\s+([\d.]+) ns/op`)

// benchmarks runs those of glibloop once.
func (b *bench) benchmarks(ctx context.Context) (map[string]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	// The 15 benchmarks together take about as long as a few measurements.
	length := b.length / 6
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, loopTest),
		"-test.run=^$", "-test.bench=^(BenchmarkPost|BenchmarkCall)$", "-test.benchtime="+length.String())
	measure.Apart(cmd)
	cmd.Dir = b.dir
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = measure.EndTime
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %.400s", loopTest, err, strings.TrimSpace(string(out)))
	}
	return parseBench(string(out))
}

// parseBench returns ns a call, by the benchmark's name with its peer.
func parseBench(out string) (map[string]float64, error) {
	all := map[string]float64{}
	for _, m := range benchLine.FindAllStringSubmatch(out, -1) {
		ns, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			return nil, err
		}
		all[benchKey(m[1], m[2])] = ns
	}
	return all, nil
}

func benchKey(bench, peer string) string { return bench + "/peer=" + peer }

// fromBench is a benchmark's result as a report.
func fromBench(w *work, peer string, all map[string]float64) (*report.Report, error) {
	key := benchKey(w.bench, w.benchPeers[peer])
	ns, ok := all[key]
	if !ok {
		return nil, fmt.Errorf("glibloop has no Benchmark%s", key)
	}
	return &report.Report{Ops: 1, P50: ns}, nil
}
