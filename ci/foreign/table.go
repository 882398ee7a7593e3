package main

import (
	"fmt"
	"slices"
	"strings"
)

// table is what README.md quotes.
func table(rows []row) string {
	var b strings.Builder
	b.WriteString("| tests of | pass on package net | on this library | the same, GIO accepts | what does not, and why |\n|---|---|---|---|---|\n")
	for _, r := range rows {
		var why []string
		tests := map[string][]string{}
		var reasons []string
		for _, k := range r.suite.known { // in this order, whatever came first
			if !slices.Contains(r.known, k) {
				continue
			}
			if tests[k.reason] == nil {
				reasons = append(reasons, k.reason)
			}
			tests[k.reason] = append(tests[k.reason], k.test)
		}
		for _, reason := range reasons {
			why = append(why, strings.Join(tests[reason], ", ")+" "+reason)
		}
		for _, test := range r.lost {
			why = append(why, "LOST: "+test)
		}
		name := r.suite.name
		if _, version, ok := strings.Cut(r.suite.module, "@"); ok {
			name += " " + version
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %s |\n", name, r.net, r.modes[""], r.modes["nodirect"], strings.Join(why, "; "))
	}
	return b.String()
}
