//go:build linux

package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func workNames() []string {
	var names []string
	for _, w := range allWorks(1, true) {
		names = append(names, w.name)
	}
	return names
}

func peerNames() []string {
	var names []string
	for _, p := range peers {
		names = append(names, p.name)
	}
	return names
}

// chooseWorks keeps those that the words name, in full or by a beginning.
func chooseWorks(only string, all []*work) ([]*work, error) {
	words, err := split(only)
	if err != nil || words == nil {
		return all, err
	}
	var chosen []string
	for _, word := range words {
		before := len(chosen)
		for _, name := range workNames() {
			// echo-64 is not echo-64k as well.
			if name == word || strings.HasPrefix(name, word) && !slices.Contains(workNames(), word) {
				chosen = append(chosen, name)
			}
		}
		if len(chosen) == before {
			return nil, fmt.Errorf("-only %s: no kind of work begins so; there are: %s", word, strings.Join(workNames(), " "))
		}
	}
	all = slices.DeleteFunc(all, func(w *work) bool { return !slices.Contains(chosen, w.name) })
	if len(all) == 0 {
		return nil, fmt.Errorf("-only %s: that cannot be measured here", only)
	}
	return all, nil
}

func choosePeers(only string) (map[string]bool, error) {
	words, err := split(only)
	if err != nil {
		return nil, err
	}
	if words == nil {
		words = peerNames()
	}
	chosen := map[string]bool{}
	for _, word := range words {
		if !slices.Contains(peerNames(), word) {
			return nil, fmt.Errorf("-peers %s: there is no such peer; there are: %s", word, strings.Join(peerNames(), " "))
		}
		chosen[word] = true
	}
	return chosen, nil
}

// split divides a list at its commas; nil is no list at all.
func split(list string) ([]string, error) {
	if list == "" {
		return nil, nil
	}
	words := strings.Split(list, ",")
	for i := range words {
		if words[i] = strings.TrimSpace(words[i]); words[i] == "" {
			return nil, fmt.Errorf("%q: a word is missing beside a comma", list)
		}
	}
	return words, nil
}

// hasLoops tells whether examples/echo can serve on several loops.
func hasLoops(bin string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	help, err := exec.CommandContext(ctx, filepath.Join(bin, "echo"), "-h").Output()
	return err == nil && strings.Contains(string(help), "\n  -loops ")
}
