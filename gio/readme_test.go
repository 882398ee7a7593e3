package gio_test

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The program on the README's first screen is built and talked to.
func TestReadmesProgramWorks(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(readme), "```go\n")
	require.True(t, ok, "the README shows no Go program")
	program, _, _ := strings.Cut(rest, "```")
	require.Contains(t, program, `"127.0.0.1:9000"`)
	program = strings.Replace(program, `"127.0.0.1:9000"`, `"127.0.0.1:0"`, 1)

	dir := t.TempDir()
	src, bin := filepath.Join(dir, "main.go"), filepath.Join(dir, "program")
	require.NoError(t, os.WriteFile(src, []byte(program), 0o600))
	out, err := exec.Command("go", "build", "-o", bin, src).CombinedOutput()
	require.NoError(t, err, "%s", out)

	cmd := exec.Command(bin)
	logged, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	line, err := bufio.NewReader(logged).ReadString('\n')
	require.NoError(t, err)
	_, addr, ok := strings.Cut(strings.TrimSpace(line), "listening on ")
	require.True(t, ok, line)
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer c.Close()
	say(t, c, "hello")
}
