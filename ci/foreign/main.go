// Foreign runs tests that others wrote on this library: those of net/http, crypto/tls, grpc-go and more,
// with the library's listeners and connections in the place of package net's. Each suite runs three times:
// on package net, which says what can pass here, on the library, and on the library with
// GLIBSERVE_DEBUG=nodirect, where GIO accepts every client. What passes on package net and not on the
// library is a failure, unless suites.go lists it with a reason.
//
// Nothing of the suites is in this repository: they are Go's own source and modules of the module cache,
// copied to a folder and changed there. Listen and Dial of package net, in a copy of GOROOT, ask the
// library first (overlay/), and so does everything that is built on them.
//
//	cd ci && go run ./foreign
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	interrupted := ctx.Err() != nil
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case interrupted:
		fmt.Fprintln(os.Stderr, "foreign: interrupted")
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, "foreign:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("foreign", flag.ContinueOnError)
	var (
		only  = flags.String("only", "", "run the suites whose name contains one of these `words`, with commas between them")
		dir   = flags.String("dir", "", "work in this `folder` and keep it, so that the next run compiles less (default: a temporary one)")
		out   = flags.String("o", "", "write the table to this `file` as well")
		limit = flags.Duration("timeout", 5*time.Minute, "of one run of a suite")
	)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), "usage: go run ./foreign [-only WORDS] [-dir FOLDER] [-o FILE] [-timeout TIME]\n\n"+
			"Runs the tests of these, which others wrote, on package net and on this library:\n\n")
		for i := range suites {
			fmt.Fprintf(flags.Output(), "  %s\n", suites[i].name)
		}
		fmt.Fprintln(flags.Output(), "\nThe first run compiles Go's library and gotk4 once more: one to five minutes.")
		fmt.Fprintln(flags.Output())
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unknown argument %q (-h tells what there is)", flags.Arg(0))
	}
	chosen := choose(*only)
	if len(chosen) == 0 {
		return fmt.Errorf("no suite's name contains one of %q (-h lists them)", *only)
	}
	work := *dir
	if work == "" {
		temp, err := os.MkdirTemp("", "glibserve-foreign-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temp)
		work = temp
	}
	work, err := filepath.Abs(work)
	if err != nil {
		return err
	}
	fmt.Println("copying Go's library, and changing Listen and Dial in the copy")
	env, err := newGoroot(ctx, filepath.Join(work, "goroot"))
	if err != nil {
		return err
	}
	var rows []row
	failed := false
	for i := range chosen {
		r, err := chosen[i].run(ctx, env, work, *limit)
		if err != nil {
			return fmt.Errorf("%s: %w", chosen[i].name, err)
		}
		failed = failed || len(r.lost) > 0
		rows = append(rows, r)
	}
	table := table(rows)
	fmt.Print("\n", table)
	if *out != "" {
		if err := os.WriteFile(*out, []byte(table), 0o644); err != nil {
			return err
		}
	}
	if failed {
		return errors.New("tests that pass on package net fail on this library")
	}
	return nil
}

// choose returns the suites whose name contains one of the words.
func choose(only string) []suite {
	var chosen []suite
	for _, s := range suites {
		for word := range strings.SplitSeq(only, ",") {
			if strings.Contains(s.name, strings.TrimSpace(word)) {
				chosen = append(chosen, s)
				break
			}
		}
	}
	return chosen
}
