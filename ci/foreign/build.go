package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// build compiles the tests of a suite. It returns the program and the folder that they run in.
func (s *suite) build(ctx context.Context, e *environment, work string) (program, dir string, err error) {
	at := filepath.Join(e.goroot, "src")
	env := e.env
	if s.module != "" {
		if at, err = s.source(ctx, e, work); err != nil {
			return "", "", err
		}
		env = append(env, "GOFLAGS="+goFlags+" -mod=mod")
	} else if err := s.applyChanges(filepath.Join(at, s.pkg)); err != nil {
		return "", "", err
	}
	dir = filepath.Join(at, s.pkg)
	name, err := goCommand(ctx, dir, env, "list", "-f", "{{.Name}}", ".")
	if err != nil {
		return "", "", err
	}
	if err := useHook(dir, strings.TrimSpace(name)); err != nil {
		return "", "", err
	}
	program = filepath.Join(work, strings.NewReplacer("/", "-", ", ", "-").Replace(s.name)+".test")
	_, err = goCommand(ctx, dir, env, "test", "-vet=off", "-c", "-o", program, ".")
	return program, dir, err
}

// source copies the module out of the module cache, which nobody may change, when the sum is the expected one.
func (s *suite) source(ctx context.Context, e *environment, work string) (string, error) {
	// In a folder without a go.mod, whose requirements would choose the version.
	out, err := goCommand(ctx, work, e.env, "mod", "download", "-json", s.module)
	if err != nil {
		return "", err
	}
	var m struct{ Dir, Sum string }
	if err := json.Unmarshal([]byte(out), &m); err != nil {
		return "", err
	}
	if m.Sum != s.sum {
		return "", fmt.Errorf("%s has the sum %s, not %s", s.module, m.Sum, s.sum)
	}
	to := filepath.Join(work, strings.ReplaceAll(s.module, "/", "-"))
	if _, err := os.Stat(to); err == nil {
		return to, nil // of another suite of the same module
	}
	if err := os.CopyFS(to, os.DirFS(m.Dir)); err != nil {
		return "", err
	}
	if err := filepath.WalkDir(to, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(name, 0o755)
		}
		return nil
	}); err != nil {
		return "", err
	}
	return to, s.applyChanges(to)
}

func (s *suite) applyChanges(dir string) error {
	for i := range s.changes {
		if err := s.changes[i].apply(dir); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) apply(dir string) error {
	name := filepath.Join(dir, c.file)
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if strings.Count(string(b), c.old) != 1 {
		return fmt.Errorf("%s is not as expected: it does not have %q once", name, c.old)
	}
	return os.WriteFile(name, []byte(strings.Replace(string(b), c.old, c.new, 1)), 0o644)
}
