//go:build linux

package main

import (
	"bytes"
	"context"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/ci/bench/internal/peer"
	"github.com/glibserve/glibserve/ci/bench/internal/report"
	"github.com/glibserve/glibserve/examples/shared/program"
)

func TestMedianAndSpread(t *testing.T) {
	require.InDelta(t, 3, median([]float64{9, 1, 3}), 0)
	require.InDelta(t, 2.5, median([]float64{4, 1, 2, 3}), 0)
	require.True(t, math.IsNaN(median(nil)))
	require.InDelta(t, 1, spread([]float64{10, 15, 5}), 0)
	require.True(t, math.IsNaN(spread([]float64{10})))
}

func TestNumber(t *testing.T) {
	for want, c := range map[string]struct {
		v      float64
		digits int
	}{
		"124,700": {124712.3, 4}, "42.1": {42.11, 3}, "0.0421": {0.0421, 3}, "100": {99.96, 3}, "1,000": {999.9, 3},
		"1,234,568": {1234567.8, 0}, "64": {64, 0}, "0": {0, 3}, "-1,200": {-1234, 2}, "–": {math.NaN(), 3},
	} {
		require.Equal(t, want, number(c.v, c.digits))
	}
}

func TestEveryTargetIsAboutAFigureOfTheTable(t *testing.T) {
	works := allWorks(8000, false)
	b := &bench{works: works, peers: map[string]bool{ours: true, inC: true, onNet: true, gotk4: true}}
	require.Len(t, b.verdicts().rows, len(targets))
	for _, target := range targets {
		for _, w := range works {
			if w.name == target.work {
				require.True(t, w.has(ours) && w.has(target.peer), "%+v", target)
			}
		}
	}
}

func TestVerdict(t *testing.T) {
	least, most := target{atLeast: 1.3}, target{atMost: 0.9}
	require.Equal(t, "yes", least.verdict(1.3))
	require.Equal(t, "NO", least.verdict(1.29))
	require.Equal(t, "yes", most.verdict(0.9))
	require.Equal(t, "NO", most.verdict(0.91))
	require.Equal(t, "not measured", most.verdict(math.NaN()))
}

func TestTableShowsMediansAndRatios(t *testing.T) {
	w := allWorks(8000, false)[0]
	b := &bench{works: []*work{w}, peers: map[string]bool{ours: true, onNet: true}, results: map[key][]*report.Report{
		{w.name, ours}:  {{Ops: 100, Seconds: 1, CPU: 1e6, User: 4e5, Sys: 6e5}, {Ops: 300, Seconds: 1}, {Ops: 200, Seconds: 1}},
		{w.name, onNet}: {{Ops: 400, Seconds: 1}},
	}}
	rows := b.medians().rows
	require.Equal(t, []string{w.title, "operations/s", "200.0", "400.0", "0.50", "100 %"}, rows[0])
	lines := strings.Split(strings.TrimSpace(b.medians().String()), "\n")
	require.Len(t, lines, 2+len(rows))
	for _, line := range lines {
		require.Len(t, []rune(line), len([]rune(lines[0])), "columns are aligned")
	}
}

func TestParseBench(t *testing.T) {
	all, err := parseBench(`goos: linux
BenchmarkPost/producers=16/peer=gotk4-IdleAdd-2    100   2060.5 ns/op   10 B/op
BenchmarkPost/producers=16/peer=C-invoke   	 1000000	       930 ns/op
BenchmarkCall/peer=glibloop-8 	   50000	     20100 ns/op
PASS
`)
	require.NoError(t, err)
	require.Equal(t, map[string]float64{
		"Post/producers=16/peer=gotk4-IdleAdd": 2060.5, "Post/producers=16/peer=C-invoke": 930, "Call/peer=glibloop": 20100,
	}, all)
	_, err = fromBench(loopWorks()[0], ours, all)
	require.ErrorContains(t, err, "no BenchmarkPost/producers=1/peer=glibloop")
}

func TestChooseWorks(t *testing.T) {
	names := func(only string) string {
		works, err := chooseWorks(only, allWorks(8000, false))
		require.NoError(t, err)
		var names []string
		for _, w := range works {
			names = append(names, w.name)
		}
		return strings.Join(names, " ")
	}
	require.Equal(t, "connect-64-1k connect-64-64k idle-1k idle-copy", names("idle,connect-64"))
	require.Equal(t, "tls", names("tls"), "and not tls-idle")
	require.Equal(t, "echo-64-1k echo-64-64k echo-64-bufio echo-64-copy", names("echo-6"))
	for _, h := range peer.EchoNames {
		require.Contains(t, handlerTitles, h.Name)
		require.Contains(t, peer.Echoes, h.Name)
	}
	for _, wrong := range []string{"x", "echo,,idle", "connect-16-copy-loops-1"} {
		_, err := chooseWorks(wrong, allWorks(8000, false))
		require.Error(t, err)
	}
}

// script puts a program into a folder.
func script(t *testing.T, text string) string {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "server"), []byte("#!/bin/sh\n"+text), 0o700))
	return dir
}

func TestAServerThatFailsIsExplained(t *testing.T) {
	dir := script(t, "echo no socket today >&2; exit 3")
	_, err := startServer(context.Background(), dir, dir, []string{"server"})
	require.ErrorContains(t, err, "exit status 3")
	require.ErrorContains(t, err, "no socket today")
}

func TestAServerIsStopped(t *testing.T) {
	dir := script(t, "echo listening on tcp 127.0.0.1:1; exec sleep 60")
	s, err := startServer(context.Background(), dir, dir, []string{"server"})
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:1", s.address)
	require.True(t, s.running())
	s.stop()
	require.False(t, s.running())
	require.ErrorIs(t, syscall.Kill(s.pid(), 0), syscall.ESRCH)
}

func TestAServerIsStoppedWithTheRun(t *testing.T) {
	dir := script(t, "exec sleep 60")
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err := startServer(ctx, dir, dir, []string{"server"})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestRefuses(t *testing.T) {
	for reason, args := range map[string][]string{
		"-rounds is 1 or more":  {"-rounds", "0"},
		"-seconds is 0.1":       {"-seconds", "0"},
		"use a number of sec":   {"-seconds", "x"},
		"there is no such peer": {"-peers", "rust"},
		"no kind of work":       {"-only", "udp"},
	} {
		var stderr bytes.Buffer
		require.Equal(t, program.Usage, run(context.Background(), append(args, "-plan"), io.Discard, &stderr))
		require.Contains(t, stderr.String(), reason)
	}
}
