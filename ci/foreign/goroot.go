package main

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed overlay/net/foreign.go overlay/foreignhook/hook.go
var overlay embed.FS

const (
	library = "github.com/glibserve/glibserve/gio"
	goFlags = "-buildvcs=false -tags=glibserve_foreign" // the tag of overlay/
)

// environment is what go commands run with: those that build the tests, with the copy of GOROOT.
type environment struct {
	goroot string
	env    []string
}

// goCommand runs the go command in a folder and returns what it printed.
func goCommand(ctx context.Context, dir string, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out), nil
}

// newGoroot makes dir a copy of GOROOT in which package net asks the library, and the library, with
// what it needs, is among the packages that Go's own are built with.
func newGoroot(ctx context.Context, dir string) (*environment, error) {
	original, err := goCommand(ctx, ".", nil, "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	original = strings.TrimSpace(original)
	src := filepath.Join(dir, "src")
	if err := os.RemoveAll(src); err != nil {
		return nil, err
	}
	if err := os.CopyFS(src, os.DirFS(filepath.Join(original, "src"))); err != nil {
		return nil, err
	}
	for _, name := range []string{"VERSION", "bin", "go.env", "lib", "misc", "pkg", "test"} {
		target := filepath.Join(original, name)
		if _, err := os.Stat(target); err != nil {
			continue // not every distribution has all of them
		}
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil && !os.IsExist(err) {
			return nil, err
		}
	}
	if err := patchNet(filepath.Join(src, "net")); err != nil {
		return nil, err
	}
	if err := vendorLibrary(ctx, filepath.Join(src, "vendor")); err != nil {
		return nil, err
	}
	hook := filepath.Join(src, "foreignhook")
	if err := os.MkdirAll(hook, 0o755); err != nil {
		return nil, err
	}
	if err := writeOverlay("overlay/foreignhook/hook.go", filepath.Join(hook, "hook.go")); err != nil {
		return nil, err
	}
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "GOFLAGS=") || strings.HasPrefix(v, "GLIBSERVE_")
	})
	// The index of GOROOT's packages that the go command has in its cache is that of the original.
	env = append(env, "GOROOT="+dir, "GOTOOLCHAIN=local", "GOWORK=off", "GODEBUG=goindex=0", "GOFLAGS="+goFlags)
	return &environment{dir, env}, nil
}

func writeOverlay(name, to string) error {
	b, err := fs.ReadFile(overlay, name)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}

// vendorLibrary copies the packages that the library is made of, itself among them.
func vendorLibrary(ctx context.Context, vendor string) error {
	out, err := goCommand(ctx, ".", nil, "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}\t{{.Dir}}{{end}}", library)
	if err != nil {
		return err
	}
	for line := range strings.Lines(out) {
		path, from, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok {
			continue
		}
		to := filepath.Join(vendor, path)
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		entries, err := os.ReadDir(from)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.IsDir() || strings.HasSuffix(e.Name(), "_test.go") {
				continue
			}
			b, err := os.ReadFile(filepath.Join(from, e.Name()))
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(to, e.Name()), b, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// useHook has the tests of a package import the hook.
func useHook(dir, packageName string) error {
	hook := fmt.Sprintf("package %s_test\n\nimport _ \"foreignhook\"\n", packageName)
	return os.WriteFile(filepath.Join(dir, "foreign_hook_test.go"), []byte(hook), 0o644)
}
