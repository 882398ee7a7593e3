//go:build linux

package main

// Not an external test: a command cannot be imported.

import (
	"bytes"
	"context"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/ci/internal/measure"
	"github.com/glibserve/glibserve/examples/shared/display"
	"github.com/glibserve/glibserve/examples/shared/program"
)

// steady has all frames of a window of four seconds, but for those in between.
func steady(except ...[2]float64) *sample {
	s := &sample{window: window{from: 1e6, to: 5e6}, drawn: drawn{Refresh: 16667}}
	for t := 0.9e6; t < 5.2e6; t += s.Refresh {
		missing := false
		for _, e := range except {
			missing = missing || t >= e[0] && t < e[1]
		}
		if !missing {
			s.Frames = append(s.Frames, [2]int64{int64(t), int64(t / 100)})
		}
	}
	return s
}

func TestEveryFrameIsCounted(t *testing.T) {
	s := steady()
	require.Equal(t, 240, s.possible())
	require.Equal(t, 240, s.count())
	s.from -= 100 // an edge more
	require.Equal(t, 240, s.count())
	require.InDelta(t, 16.7, s.longest(), 0.1)
	require.InDelta(t, 16.7, s.p99(), 0.1)
	require.InDelta(t, 10_000, s.shown(), 10)
}

func TestAWindowThatStandsStillShows(t *testing.T) {
	s := steady([2]float64{2e6, 2.5e6})
	require.Equal(t, 210, s.count())
	require.InDelta(t, 517, s.longest(), 20)

	s = steady([2]float64{0.95e6, 5.1e6}) // over both edges
	require.Zero(t, s.count())
	require.InDelta(t, 4170, s.longest(), 40, "the whole time, also what is outside of the window")

	s = steady([2]float64{0, 6e6})
	require.Zero(t, s.count())
	require.InDelta(t, 4000, s.longest(), 1, "nothing was ever drawn")
	require.InDelta(t, 4000, s.p99(), 1)
	require.Zero(t, s.shown())
}

func TestTheTypicalRoundIsTheMedian(t *testing.T) {
	all := []*sample{steady([2]float64{2e6, 2.5e6}), steady(), steady([2]float64{2e6, 2.1e6})}
	require.Same(t, all[2], typical(all))
	require.Nil(t, typical(nil))
	require.InDelta(t, 234, median(all, func(s *sample) float64 { return float64(s.count()) }), 1)
}

func TestTheReadmesTableIsReplaced(t *testing.T) {
	text, err := replace([]byte("a\n"+begins+"old\n"+ends+"b\n"), "new\n")
	require.NoError(t, err)
	require.Equal(t, "a\n"+begins+"new\n"+ends+"b\n", string(text))
	_, err = replace([]byte("a\n"+begins), "new\n")
	require.Error(t, err)
	readme, err := os.ReadFile("../../../README.md")
	require.NoError(t, err)
	_, err = replace(readme, "")
	require.NoError(t, err)
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct{ args, reason string }{
		{"-rounds 0", "-rounds is"},
		{"-seconds 0.1", "-seconds is"},
		{"-only what", "there is no such load"},
		{"-warmup -1s", "-warmup is"},
		{"-display -screenshot x", "-screenshot is of"},
	} {
		var out, errs bytes.Buffer
		require.Equal(t, program.Usage, run(context.Background(), strings.Fields(c.args), &out, &errs))
		require.Contains(t, errs.String(), c.reason)
	}
}

// build makes the programs, and is skipped where there can be no window.
func build(t *testing.T) string {
	t.Helper()
	if missing := display.Missing(); missing != "" {
		t.Skip(missing)
	}
	bin := t.TempDir()
	out, err := exec.Command("../build", bin).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return bin
}

// A second of each: that everything is there, not how much.
func TestMeasuresEveryProgram(t *testing.T) {
	bin := build(t)
	dir := t.TempDir()
	results, picture, shot, readme := filepath.Join(dir, "r.md"), filepath.Join(dir, "p.png"), filepath.Join(dir, "s.png"), filepath.Join(dir, "README.md")
	require.NoError(t, os.WriteFile(readme, []byte(begins+ends), 0o600))
	var out, errs bytes.Buffer
	require.Equal(t, program.OK, run(context.Background(), []string{
		"-bin", bin, "-quick", "-out", results, "-picture", picture, "-screenshot", shot, "-readme", readme,
	}, &out, &errs), "%s", errs.String())

	text, err := os.ReadFile(results)
	require.NoError(t, err)
	require.Contains(t, string(text), out.String())
	for _, l := range loads {
		for _, b := range l.beside {
			require.Contains(t, string(text), "| "+beside[b].title+" |")
		}
	}
	require.NotContains(t, string(text), "NaN")
	for _, file := range []string{picture, shot} {
		f, err := os.Open(file)
		require.NoError(t, err)
		_, err = png.Decode(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	text, err = os.ReadFile(readme)
	require.NoError(t, err)
	require.Contains(t, string(text), "| package net |")
}

func TestEndsWhenAskedTo(t *testing.T) {
	bin := build(t)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	var out, errs bytes.Buffer
	began := time.Now()
	require.Equal(t, measure.Interrupted, run(ctx, []string{"-bin", bin, "-seconds", "60", "-only", "full"}, &out, &errs))
	require.Less(t, time.Since(began), 30*time.Second)
	require.NotContains(t, errs.String(), "FAILED")
}

func TestAProgramThatFailsIsTold(t *testing.T) {
	bin := build(t)
	require.NoError(t, os.WriteFile(filepath.Join(bin, "server"), []byte("#!/bin/sh\necho no luck >&2\nexit 3\n"), 0o700))
	var out, errs bytes.Buffer
	require.Equal(t, program.Failure, run(context.Background(), []string{"-bin", bin, "-quick", "-only", "none"}, &out, &errs))
	require.Contains(t, out.String(), "no luck")
}
