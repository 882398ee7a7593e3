// Testreport reads the output of "go test -json" and prints what a person wants of it: a line for
// each package, the whole output of each test that failed, and every test that was skipped, with
// its reason. go test itself hides the skipped ones, and a test that CI never runs is worth
// nothing: with -strict, a skip that the file of -skips does not allow is a failure.
//
//	go test -json ./... | testreport -stage race -skips ci/skips -strict
//
// The exit status is 0 when tests ran and all passed, else 1.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

func main() {
	var (
		stage   = flag.String("stage", "", "name of this run, to be matched by the file of -skips")
		skips   = flag.String("skips", "", "`file` that lists the tests that may be skipped")
		strict  = flag.Bool("strict", false, "fail when a test was skipped that the list does not allow")
		emptyOK = flag.Bool("empty-ok", false, "accept a run in which no test ran")
		verbose = flag.Bool("v", false, "print the whole output, also of tests that passed")
		totals  = flag.String("totals", "", "append \"passed failed skipped\" to this `file`")
	)
	flag.Parse()
	// Ctrl-C goes to the whole pipeline: go test dies of it, and what it said last is worth reading.
	signal.Ignore(syscall.SIGINT)

	r := &reporter{out: os.Stdout, verbose: *verbose, tests: map[string]*bytes.Buffer{}}
	if *skips != "" {
		allowed, err := readSkips(*skips, *stage)
		if err != nil {
			fatal(err)
		}
		r.allowed = allowed
	}
	if err := r.read(os.Stdin); err != nil {
		fatal(err)
	}
	ok := r.summary(*strict, *emptyOK)
	if *totals != "" {
		if err := appendLine(*totals, fmt.Sprintln(r.passed, r.failed, len(r.skipped))); err != nil {
			fatal(err)
		}
	}
	if !ok {
		os.Exit(1)
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "testreport:", err)
	os.Exit(1)
}

func appendLine(name, line string) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// A skipRule allows the tests whose "package.TestName" it matches to be skipped.
type skipRule struct {
	pattern *regexp.Regexp
	why     string
}

// readSkips reads the rules for one stage. A line is "stage,stage pattern reason"; "*" is every stage.
func readSkips(name, stage string) ([]skipRule, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var rules []skipRule
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) < 3 {
			return nil, fmt.Errorf("%s:%d: want \"stages pattern reason\", got %q", name, number, strings.TrimSpace(line))
		}
		pattern, err := regexp.Compile("^(?:" + fields[1] + ")$")
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, number, err)
		}
		stages := strings.Split(fields[0], ",")
		if slices.Contains(stages, "*") || slices.Contains(stages, stage) {
			rules = append(rules, skipRule{pattern, strings.Join(fields[2:], " ")})
		}
	}
	return rules, nil
}

// An event is one line of go test -json (go doc test2json).
type event struct {
	Action     string
	Package    string
	ImportPath string // in place of Package in the output of a build
	Test       string
	Elapsed    float64
	Output     string
}

type skip struct {
	name, reason, allowed string // allowed: the reason that the list gives; empty when it does not
}

type reporter struct {
	out     io.Writer
	verbose bool
	allowed []skipRule

	// tests holds the output of every top-level test that has not ended, its subtests included, and
	// of every package (Test is empty), by "package\x00Test".
	tests map[string]*bytes.Buffer

	passed, failed int
	failedPackages int
	failedTests    []string
	skipped        []skip

	here        int // tests that ended in the package in progress: packages run one at a time
	skippedHere int
}

func (r *reporter) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil || e.Action == "" {
				fmt.Fprint(r.out, string(line)) // go itself speaking
			} else {
				r.event(e)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *reporter) event(e event) {
	top, _, _ := strings.Cut(e.Test, "/")
	key := e.Package + "\x00" + top
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "output":
		if r.verbose {
			fmt.Fprint(r.out, e.Output)
		}
		if r.tests[key] == nil {
			r.tests[key] = new(bytes.Buffer)
		}
		r.tests[key].WriteString(e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.packageEnd(e)
		} else {
			r.testEnd(e, key, e.Test == top)
		}
	}
}

func (r *reporter) testEnd(e event, key string, isTop bool) {
	name := path.Base(e.Package) + "." + e.Test
	r.here++
	switch e.Action {
	case "pass":
		r.passed++
	case "fail":
		r.failed++
		r.failedTests = append(r.failedTests, name)
	case "skip":
		s := skip{name: name, reason: skipReason(r.tests[key], e.Test)}
		for _, rule := range r.allowed {
			if rule.pattern.MatchString(name) {
				s.allowed = rule.why
				break
			}
		}
		r.skipped = append(r.skipped, s)
		r.skippedHere++
	}
	if !isTop {
		return
	}
	if e.Action == "fail" && !r.verbose && r.tests[key] != nil {
		fmt.Fprint(r.out, r.tests[key])
	}
	delete(r.tests, key)
}

func (r *reporter) packageEnd(e event) {
	if e.Action == "fail" {
		r.failedPackages++
		// Tests that never ended come first: a panic or a time-out is in the output of one of them. The
		// package's own output comes last and ends with go test's FAIL and the package's name.
		var keys []string
		for key := range r.tests {
			if strings.HasPrefix(key, e.Package+"\x00") {
				keys = append(keys, key)
			}
		}
		slices.Sort(keys)
		slices.Reverse(keys)
		for _, key := range keys {
			if _, test, _ := strings.Cut(key, "\x00"); test != "" {
				r.failed++
				r.failedTests = append(r.failedTests, path.Base(e.Package)+"."+test+" (never ended)")
			}
			if !r.verbose {
				fmt.Fprint(r.out, r.tests[key])
			}
			delete(r.tests, key)
		}
	} else if r.here > 0 {
		fmt.Fprintf(r.out, "ok    %s  %.1fs  %d tests", e.Package, e.Elapsed, r.here)
		if r.skippedHere > 0 {
			fmt.Fprintf(r.out, ", %d of them skipped", r.skippedHere)
		}
		fmt.Fprintln(r.out)
	} else {
		fmt.Fprintf(r.out, "--    %s  no tests\n", e.Package)
	}
	delete(r.tests, e.Package+"\x00")
	r.here, r.skippedHere = 0, 0
}

// skipReason finds what a test said to t.Skip: the line before or after its "--- SKIP".
func skipReason(output *bytes.Buffer, test string) string {
	if output == nil {
		return ""
	}
	var reason string
	mine := false
	for line := range strings.Lines(output.String()) {
		text := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(text, "=== "):
			mine = strings.HasSuffix(text, " "+test)
		case strings.HasPrefix(text, "--- "):
			mine = strings.HasPrefix(text, "--- SKIP: "+test+" ")
		case mine:
			reason = text
		}
	}
	return reason
}

// summary prints what to know at the end and says whether all is well.
func (r *reporter) summary(strict, emptyOK bool) bool {
	ok := r.failed == 0 && r.failedPackages == 0
	unexpected := 0
	for _, s := range r.skipped {
		if s.allowed == "" {
			unexpected++
			fmt.Fprintf(r.out, "SKIP  %s: %s\n", s.name, s.reason)
		} else {
			fmt.Fprintf(r.out, "skip  %s: allowed here: %s\n", s.name, s.allowed)
		}
	}
	if strict && unexpected > 0 {
		fmt.Fprintf(r.out, "FAIL  %d skipped above that CI must run (ci/skips lists what may be skipped)\n", unexpected)
		ok = false
	}
	for _, name := range r.failedTests {
		fmt.Fprintln(r.out, "FAIL ", name)
	}
	if r.passed+r.failed == 0 {
		fmt.Fprintln(r.out, "----  no test ran")
		ok = ok && emptyOK
	}
	return ok
}
