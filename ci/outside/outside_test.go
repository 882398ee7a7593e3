// Package outside tests what somebody gets who requires the library in a module of
// their own: made of a zip as it would be published, in which files can be missing
// that a clone has.
package outside

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

const (
	root = "../.."
	path = "github.com/glibserve/glibserve"
)

// published is the module as a version that a file proxy has. The version is that of the
// content: what Go's module cache has of another is never taken for it.
type published struct{ version, proxy string }

func publish(t *testing.T) published {
	t.Helper()
	var b bytes.Buffer
	version := "v0.0.0-20000101000000-000000000000" // for the names in the zip, of which the sum is made
	require.NoError(t, zip.CreateFromDir(&b, module.Version{Path: path, Version: version}, root))
	sum := sha256.Sum256(b.Bytes())
	p := published{version: "v0.0.0-20000101000000-" + hex.EncodeToString(sum[:6]), proxy: t.TempDir()}
	dir := filepath.Join(p.proxy, path, "@v")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	out, err := os.Create(filepath.Join(dir, p.version+".zip"))
	require.NoError(t, err)
	require.NoError(t, zip.CreateFromDir(out, module.Version{Path: path, Version: p.version}, root))
	require.NoError(t, out.Close())
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, p.version+".mod"), mod, 0o644))
	info, err := json.Marshal(map[string]any{"Version": p.version, "Time": time.Unix(0, 0).UTC()})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, p.version+".info"), info, 0o644))
	t.Cleanup(func() { p.forget(t) })
	return p
}

// forget takes the version out of Go's module cache.
func (p published) forget(t *testing.T) {
	cache := strings.TrimSpace(run(t, ".", nil, "go", "env", "GOMODCACHE"))
	dir := filepath.Join(cache, path+"@"+p.version)
	_ = filepath.Walk(dir, func(name string, fi os.FileInfo, err error) error {
		if err == nil && fi.IsDir() {
			return os.Chmod(name, 0o755)
		}
		return err
	})
	_ = os.RemoveAll(dir)
	all, _ := filepath.Glob(filepath.Join(cache, "cache/download", path, "@v", p.version+".*"))
	for _, name := range all {
		_ = os.Remove(name)
	}
}

func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s %v:\n%s%s", name, args, out, &stderr)
	return string(out)
}

const program = `package main

import (
	"context"
	"fmt"
	"io"
	"log"

	"github.com/glibserve/glibserve/gio"
)

func main() {
	svc := gio.NewSocketService(nil)
	addr, err := svc.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go svc.Serve(context.Background(), gio.HandlerFunc(func(_ context.Context, c *gio.SocketConnection) { io.Copy(c, c) }))
	client := gio.NewSocketClient(nil)
	c, err := client.Dial(context.Background(), "tcp", addr.String())
	if err != nil {
		log.Fatal(err)
	}
	io.WriteString(c, "from outside")
	c.CloseWrite()
	b, err := io.ReadAll(c)
	fmt.Println(string(b), err)
	svc.Close()
}
`

func TestAModuleThatRequiresItWorks(t *testing.T) {
	p := publish(t)
	dir := t.TempDir()
	env := []string{
		"GOWORK=off", "GOFLAGS=-mod=mod", "GONOSUMDB=" + path,
		"GOPROXY=file://" + p.proxy + "," + strings.TrimSpace(run(t, ".", nil, "go", "env", "GOPROXY")),
	}
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	write("go.mod", "module example.com/outside\n\ngo 1.24\n\nrequire "+path+" "+p.version+"\n")
	write("main.go", program)
	in := func(args ...string) string { t.Helper(); return run(t, dir, env, "go", args...) }

	require.Equal(t, "from outside <nil>\n", in("run", "."))
	in("vet", ".")
	for _, pkg := range []string{path + "/gio", path + "/glibloop"} {
		require.Contains(t, in("doc", pkg), "package "+filepath.Base(pkg))
		in("test", "-vet=off", "-count=1", "-run", "^Example", pkg)
	}

	// What is vendored are the files of packages: C that lay beside them, in a folder of its
	// own, would be missing.
	in("mod", "vendor")
	for _, pkg := range []string{"/gio/internal/native", "/glibloop"} {
		require.Equal(t, sources(t, filepath.Join(root, pkg)), sources(t, filepath.Join(dir, "vendor", path, pkg)), pkg)
	}
}

// sources are the files of C and Go that a package is built of.
func sources(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range all {
		ext := filepath.Ext(e.Name())
		if (ext == ".go" || ext == ".c" || ext == ".h" || ext == ".S") && !strings.HasSuffix(e.Name(), "_test.go") {
			names = append(names, e.Name())
		}
	}
	require.NotEmpty(t, names)
	return names
}

// A require of it takes nothing but what its go.mod says: replace counts in the main
// module alone.
func TestGoModIsThatOfALibrary(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	f, err := modfile.Parse("go.mod", text, nil)
	require.NoError(t, err)
	require.Equal(t, path, f.Module.Mod.Path)
	require.Empty(t, f.Replace)
	require.Empty(t, f.Exclude)
	require.Nil(t, f.Toolchain)
	for _, r := range f.Require {
		require.False(t, module.IsPseudoVersion(r.Mod.Version) && !r.Indirect, r.Mod)
	}
}

// Documentation is shown by pkg.go.dev for licences that it knows, in a file of this name.
func TestTheLicenceIsOneThatPkgGoDevKnows(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "LICENSE"))
	require.NoError(t, err)
	words := strings.Join(strings.Fields(string(text)), " ")
	require.Regexp(t, "^MIT License Copyright \\(c\\) [0-9]{4} ", words)
	require.Contains(t, words, "Permission is hereby granted, free of charge, to any person obtaining a copy of this software")
	require.Contains(t, words, "THE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT WARRANTY OF ANY KIND")
}
