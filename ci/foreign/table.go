package main

import (
	"fmt"
	"strings"
)

// table is what README.md quotes.
func table(rows []row) string {
	var b strings.Builder
	b.WriteString("| tests of | pass on package net | on this library | the same, GIO accepts | what does not, and why |\n|---|---|---|---|---|\n")
	for _, r := range rows {
		var why []string
		for _, k := range r.known {
			why = append(why, fmt.Sprintf("%s %s", k.test, k.reason))
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
