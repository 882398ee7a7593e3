package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// row is what one suite came to.
type row struct {
	suite *suite
	net   int            // tests that pass on package net
	modes map[string]int // of these, those that pass on the library, by mode
	known []known        // what did not, and was expected
	lost  []string
}

// The library's own mode, and that in which GIO accepts every client.
var modes = []string{"", "nodirect"}

// outcome is what a run of tests came to: for each, "pass", "fail" or "skip".
type outcome struct {
	tests  map[string]string
	output map[string][]string
}

func (s *suite) run(ctx context.Context, e *environment, work string, limit time.Duration) (row, error) {
	r := row{suite: s, modes: map[string]int{}}
	fmt.Printf("%s: compiling\n", s.name)
	program, dir, err := s.build(ctx, e, work)
	if err != nil {
		return r, err
	}
	try := func(env []string, tests string, skip []string) (*outcome, error) {
		args := []string{"tool", "test2json", "-t", program, "-test.v=test2json", "-test.timeout", limit.String()}
		if tests != "" {
			args = append(args, "-test.run", tests)
		}
		if s.short {
			args = append(args, "-test.short")
		}
		if len(skip) > 0 {
			args = append(args, "-test.skip", "^("+strings.Join(skip, "|")+")$")
		}
		return runTests(ctx, dir, append(slices.Clone(e.env), env...), args)
	}
	tests, err := s.pattern(dir)
	if err != nil {
		return r, err
	}
	base, err := try([]string{"GLIBSERVE_FOREIGN=net"}, tests, s.skip)
	if err != nil {
		return r, err
	}
	for _, result := range base.tests {
		if result == "pass" {
			r.net++
		}
	}
	if r.net == 0 {
		return r, fmt.Errorf("nothing passes on package net, with %d tests", len(base.tests))
	}
	fmt.Printf("%s: %d tests pass on package net\n", s.name, r.net)
	for _, mode := range modes {
		env := []string{"GLIBSERVE_FOREIGN=gio", "GLIBSERVE_DEBUG=" + mode}
		ours, err := s.whole(func(skip []string) (*outcome, error) { return try(env, tests, skip) })
		if err != nil {
			return r, err
		}
		for test, result := range base.tests {
			if result != "pass" {
				continue
			}
			if ours.tests[test] == "pass" {
				r.modes[mode]++
				continue
			}
			if k := s.isKnown(test); k != nil {
				if !slices.Contains(r.known, *k) {
					r.known = append(r.known, *k)
				}
				continue
			}
			alone, err := passesAlone(try, env, test)
			if err != nil {
				return r, err
			}
			if alone {
				r.modes[mode]++
				fmt.Printf("%s: %s passed when it ran alone\n", s.name, test)
				continue
			}
			r.lost = append(r.lost, strings.TrimSpace(test+" "+mode))
			fmt.Printf("%s: LOST %s %s\n%s", s.name, test, mode, strings.Join(ours.output[test], ""))
		}
		fmt.Printf("%s: %d of %d pass on the library %s\n", s.name, r.modes[mode], r.net, mode)
	}
	return r, nil
}

// passesAlone runs a test up to three times without the others: on a busy machine tests of others that
// bound time fail on anything.
func passesAlone(try func(env []string, tests string, skip []string) (*outcome, error), env []string, test string) (bool, error) {
	top, _, _ := strings.Cut(test, "/")
	for range 3 {
		again, err := try(env, "^"+regexp.QuoteMeta(top)+"$", nil)
		if err != nil || again.tests[test] == "pass" {
			return err == nil, err
		}
	}
	return false, nil
}

var testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// pattern is what -test.run gets: the tests of the files, or nothing for all.
func (s *suite) pattern(dir string) (string, error) {
	var names []string
	for _, file := range s.files {
		b, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			return "", err
		}
		for _, m := range testFunc.FindAllSubmatch(b, -1) {
			names = append(names, string(m[1]))
		}
	}
	if len(s.files) == 0 {
		return "", nil
	}
	return "^(" + strings.Join(names, "|") + ")$", nil
}

func (s *suite) isKnown(test string) *known {
	for i := range s.known {
		if known := s.known[i].test; test == known || strings.HasPrefix(test, known+"/") {
			return &s.known[i]
		}
	}
	return nil
}

// whole runs the tests until they come to their end: one that panics or waits for ever takes the
// program with it, and is left out of the next run.
func (s *suite) whole(try func(skip []string) (*outcome, error)) (*outcome, error) {
	skip := slices.Concat(s.skip, s.endless)
	ended := map[string]*outcome{}
	for {
		o, err := try(skip)
		if err != nil {
			return nil, err
		}
		unfinished := o.unfinished()
		if len(unfinished) == 0 || len(skip) > 40 {
			for test, of := range ended {
				o.tests[test], o.output[test] = "fail", of.output[test]
			}
			return o, nil
		}
		for _, test := range unfinished {
			skip = append(skip, regexp.QuoteMeta(test))
			ended[test] = o
			fmt.Printf("%s: %s ends the program\n", s.name, test)
		}
	}
}

// unfinished returns the tests at the top that panicked or did not come to their end. Who waited for the turn
// of parallel tests is none of them.
func (o *outcome) unfinished() []string {
	var all []string
	for test, result := range o.tests {
		if (result == "run" || result == "cont" || result == "panic") && !strings.Contains(test, "/") {
			all = append(all, test)
		}
	}
	return all
}

func runTests(ctx context.Context, dir string, env, args []string) (*outcome, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, append(env, "PWD="+filepath.Clean(dir))
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	o := &outcome{tests: map[string]string{}, output: map[string][]string{}}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		o.add(lines.Bytes())
	}
	_ = cmd.Wait() // its status says that a test failed, which the events have said
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return o, lines.Err()
}

// add takes one line of test2json's.
func (o *outcome) add(line []byte) {
	var event struct{ Action, Test, Output string }
	if json.Unmarshal(line, &event) != nil || event.Test == "" {
		return
	}
	switch event.Action {
	case "run", "pause", "cont", "pass", "fail", "skip":
		if o.tests[event.Test] != "panic" {
			o.tests[event.Test] = event.Action
		}
	case "output":
		o.output[event.Test] = append(o.output[event.Test], event.Output)
		if strings.HasPrefix(event.Output, "panic: ") {
			top, _, _ := strings.Cut(event.Test, "/")
			o.tests[top] = "panic"
		}
	}
}
