package program_test

import (
	"bytes"
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/program"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name   string
		args   []string
		status int
		done   bool
		stdout string
		stderr string
	}{
		{name: "nothing", status: program.OK},
		{name: "a flag", args: []string{"-n", "3"}, status: program.OK},
		{name: "help", args: []string{"-h"}, done: true, status: program.OK, stdout: "usage text\n\nFlags:\n  -n int\n    \ta number (default 1)\n"},
		{name: "unknown", args: []string{"-x"}, done: true, status: program.Usage, stderr: "prog: flag provided but not defined: -x\nTry 'prog -h'.\n"},
		{name: "bad value", args: []string{"-n", "x"}, done: true, status: program.Usage, stderr: "prog: invalid value \"x\" for flag -n: parse error\nTry 'prog -h'.\n"},
		{name: "argument", args: []string{"x"}, done: true, status: program.Usage, stderr: "prog: unexpected argument \"x\": everything is set by flags\nTry 'prog -h'.\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			flags := flag.NewFlagSet("prog", flag.ContinueOnError)
			flags.Int("n", 1, "a number")
			var stdout, stderr bytes.Buffer
			status, done := program.Parse(flags, "usage text\n", c.args, &stdout, &stderr)
			require.Equal(t, c.status, status)
			require.Equal(t, c.done, done)
			require.Equal(t, c.stdout, stdout.String())
			require.Equal(t, c.stderr, stderr.String())
		})
	}
}
