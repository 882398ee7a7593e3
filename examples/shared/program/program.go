// Package program is the frame of the programs here and in ci/: signals, exit
// statuses and the way in which a command line is refused.
package program

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// The statuses that the examples end with.
const (
	OK      = 0
	Failure = 1 // something went wrong at run time
	Usage   = 2 // the command line was wrong
)

// Run is a program without its process, so that tests can call it too: it
// serves until ctx is done and returns the status to exit with.
type Run func(ctx context.Context, args []string, stdout, stderr io.Writer) int

// Main runs a program and exits with its status. The first SIGINT or SIGTERM
// asks it to end, by ctx; the second one ends the process at once, for a
// person who does not want to wait for the end that was asked for.
func Main(run Run) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// Parse reads the command line. With done, the program ends with status: -h
// was asked for and its text went to stdout, or something was wrong and a
// short message went to stderr, without the pages of flags that would push
// the message out of sight.
func Parse(flags *flag.FlagSet, usage string, args []string, stdout, stderr io.Writer) (status int, done bool) {
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage, "\nFlags:\n")
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return OK, true
	}
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q: everything is set by flags", flags.Arg(0))
	}
	if err != nil {
		return Refuse(flags.Name(), err, stderr), true
	}
	return OK, false
}

// Refuse says what is wrong with the command line and where to read about
// it, and returns the status to end with.
func Refuse(name string, err error, stderr io.Writer) int {
	fmt.Fprintf(stderr, "%s: %v\nTry '%s -h'.\n", name, err, name)
	return Usage
}

// Fail says what went wrong at run time, and returns the status to end with.
func Fail(name string, err error, stderr io.Writer) int {
	fmt.Fprintf(stderr, "%s: %v\n", name, err)
	return Failure
}
