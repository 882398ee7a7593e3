package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// script makes the events of a run from short lines: "action test output".
func script(t *testing.T, lines ...string) string {
	t.Helper()
	var b strings.Builder
	for _, line := range lines {
		part := strings.SplitN(line, " ", 3)
		e := map[string]any{"Action": part[0], "Package": "example.org/p"}
		if len(part) > 1 && part[1] != "-" {
			e["Test"] = part[1]
		}
		if len(part) > 2 {
			e["Output"] = part[2] + "\n"
		}
		text, err := json.Marshal(e)
		require.NoError(t, err)
		fmt.Fprintln(&b, string(text))
	}
	return b.String()
}

func run(t *testing.T, skips, input string, strict bool) (string, bool, *reporter) {
	t.Helper()
	var out bytes.Buffer
	r := &reporter{out: &out, tests: map[string]*bytes.Buffer{}}
	if skips != "" {
		file := filepath.Join(t.TempDir(), "skips")
		require.NoError(t, os.WriteFile(file, []byte(skips), 0o600))
		var err error
		r.allowed, err = readSkips(file, "race")
		require.NoError(t, err)
	}
	require.NoError(t, r.read(strings.NewReader(input)))
	ok := r.summary(strict, false)
	return out.String(), ok, r
}

func TestPassingTestsAreCountedAndQuiet(t *testing.T) {
	out, ok, r := run(t, "", script(t,
		"output TestA noise", "pass TestA", "output TestB/sub noise", "pass TestB/sub", "pass TestB", "pass"), true)
	assert.True(t, ok)
	assert.Equal(t, 3, r.passed)
	assert.NotContains(t, out, "noise")
	assert.Contains(t, out, "ok    example.org/p")
}

func TestFailureShowsTheWholeTest(t *testing.T) {
	out, ok, r := run(t, "", script(t,
		"output TestA quiet", "pass TestA",
		"output TestB loud", "output TestB/sub louder", "fail TestB/sub", "fail TestB", "output - FAIL", "fail"), false)
	assert.False(t, ok)
	assert.Equal(t, 2, r.failed)
	assert.NotContains(t, out, "quiet")
	assert.Contains(t, out, "loud\nlouder\n")
	assert.Contains(t, out, "FAIL  p.TestB/sub")
}

func TestPanicInATestThatNeverEndedIsShown(t *testing.T) {
	out, ok, _ := run(t, "", script(t, "output TestA panic: boom", "output - exit status 2", "fail"), false)
	assert.False(t, ok)
	assert.Contains(t, out, "panic: boom")
	assert.Contains(t, out, "p.TestA (never ended)")
}

func TestFailedBuildIsAFailure(t *testing.T) {
	input := `{"ImportPath":"example.org/p","Action":"build-output","Output":"x.go:1: bad\n"}` + "\n" +
		`{"ImportPath":"example.org/p","Action":"build-fail"}` + "\n" + script(t, "pass TestA", "fail")
	out, ok, _ := run(t, "", input, false)
	assert.False(t, ok)
	assert.Contains(t, out, "x.go:1: bad")
}

func TestRunWithoutTestsIsAFailure(t *testing.T) {
	out, ok, _ := run(t, "", script(t, "output - ?   example.org/p [no test files]", "skip"), false)
	assert.False(t, ok)
	assert.Contains(t, out, "no test ran")
}

func TestSkips(t *testing.T) {
	input := script(t, "pass TestA",
		"output TestB === RUN   TestB", "output TestB     b_test.go:1: no IPv6 here", "output TestB --- SKIP: TestB (0.00s)", "skip TestB", "pass")
	tests := []struct {
		name, skips string
		strict, ok  bool
		want        string
	}{
		{"shown, and no failure at home", "", false, true, "SKIP  p.TestB: b_test.go:1: no IPv6 here"},
		{"a failure in CI", "", true, false, "1 skipped above that CI must run"},
		{"allowed by the list", "# comment\n\nrace,asan p.TestB counts differ\n", true, true, "allowed here: counts differ"},
		{"allowed in every stage", "* p\\..* why not\n", true, true, "allowed here: why not"},
		{"another stage's rule", "asan p.TestB why\n", true, false, "must run"},
		{"a rule for a part of the name", "race p.Test why\n", true, false, "must run"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, ok, _ := run(t, tt.skips, input, tt.strict)
			assert.Equal(t, tt.ok, ok)
			assert.Contains(t, out, tt.want)
		})
	}
}

func TestBadListOfSkipsIsRefused(t *testing.T) {
	for _, text := range []string{"race p.TestB\n", "race p.( why\n"} {
		file := filepath.Join(t.TempDir(), "skips")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		_, err := readSkips(file, "race")
		assert.ErrorContains(t, err, file+":1:")
	}
}

func TestWhatIsNotJSONIsPassedOn(t *testing.T) {
	out, _, _ := run(t, "", "go: downloading something\n"+script(t, "pass TestA", "pass"), false)
	assert.Contains(t, out, "go: downloading something\n")
}
