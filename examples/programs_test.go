// Package examples_test holds what is true of every program here, whoever
// wrote it.
package examples_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/program"
	"github.com/glibserve/glibserve/examples/shared/servertest"
)

// bin is where build puts the programs.
var bin string

func TestMain(m *testing.M) {
	var err error
	if bin, err = os.MkdirTemp("", "glibserve-examples-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	_ = os.RemoveAll(bin)
	os.Exit(status)
}

// needs are arguments without which a program does not serve what the tests
// want of it.
var needs = map[string][]string{
	"dbus": {"-anonymous"}, // on TCP
}

// build builds all programs, once, in the way in which the test was built.
var build = sync.OnceValues(func() (names []string, err error) {
	flags := []string{}
	info, _ := debug.ReadBuildInfo()
	for _, setting := range info.Settings {
		if setting.Key == "-race" || setting.Key == "-asan" || setting.Key == "-tags" {
			flags = append(flags, setting.Key+"="+setting.Value)
		}
	}
	list := exec.Command("go", append(append([]string{"list"}, flags...), "-f", `{{if eq .Name "main"}}{{.ImportPath}}{{end}}`, "./...")...)
	output, err := run(list)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, importPath := range strings.Fields(output) {
		paths = append(paths, importPath)
		names = append(names, path.Base(importPath))
	}
	_, err = run(exec.Command("go", append(append([]string{"build", "-o", bin + "/"}, flags...), paths...)...))
	return names, err
})

func run(cmd *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%v: %w\n%s", cmd, err, stderr.String())
	}
	return stdout.String(), nil
}

// eachProgram runs a test for each program that there is.
func eachProgram(t *testing.T, test func(t *testing.T, name string)) {
	names, err := build()
	require.NoError(t, err)
	require.Subset(t, names, []string{"activation", "chat", "dbus", "echo", "grpc", "httpserver"})
	for _, name := range names {
		t.Run(name, func(t *testing.T) { test(t, name) })
	}
}

// eachServer runs a test for each program that takes -listen.
func eachServer(t *testing.T, test func(t *testing.T, name string)) {
	servers := 0
	eachProgram(t, func(t *testing.T, name string) {
		if _, listens := flagsOf(t, help(t, name))["listen"]; listens {
			servers++
			test(t, name)
		}
	})
	require.GreaterOrEqual(t, servers, 5)
}

// start starts a program with what it needs and args.
func start(t *testing.T, name string, args ...string) *servertest.Process {
	return servertest.StartCommand(t, exec.Command(filepath.Join(bin, name), append(needs[name], args...)...))
}

// requireNoTrace requires that no panic and no stack is shown to people.
func requireNoTrace(t *testing.T, p *servertest.Process) {
	t.Helper()
	for _, trace := range []string{"panic", "goroutine ", ".go:", "SIGSEGV", "CRITICAL", "WARNING: DATA RACE"} {
		require.NotContains(t, p.Stderr(), trace)
	}
}

func help(t *testing.T, name string) string {
	t.Helper()
	p := start(t, name, "-h")
	require.Equal(t, program.OK, p.Wait())
	require.Empty(t, p.Stderr())
	return p.Stdout()
}

// flagsOf reads the flags and their descriptions from the text of -h.
func flagsOf(t *testing.T, help string) map[string]string {
	t.Helper()
	_, list, found := strings.Cut(help, "\nFlags:\n")
	require.True(t, found, help)
	flags, current := map[string]string{}, ""
	for _, line := range strings.Split(list, "\n") {
		if name, isFlag := strings.CutPrefix(line, "  -"); isFlag {
			name, rest, _ := strings.Cut(name, " ")
			name, short, _ := strings.Cut(name, "\t") // of one letter
			current = name
			flags[current] = short
			_ = rest // the name of the value
		} else if current != "" {
			flags[current] += strings.TrimSpace(line)
		}
	}
	return flags
}

func TestHelpListsEveryFlag(t *testing.T) {
	eachProgram(t, func(t *testing.T, name string) {
		text := help(t, name)
		require.True(t, strings.HasPrefix(text, "Usage: "), text)
		flags := flagsOf(t, text)
		require.NotEmpty(t, flags)
		for flag, description := range flags {
			require.NotEmpty(t, description, "-%s", flag)
		}
		// The commands that it shows must be ones that work.
		usage, _, _ := strings.Cut(text, "\nFlags:\n")
		command := regexp.MustCompile(`(?m)^    (?:.* )?(?:\./|scripts/)?` + name + `((?: +-[^ ]+(?: +[^-\s][^ \n]*)?)*)$`)
		shown := command.FindAllStringSubmatch(usage, -1)
		require.NotEmpty(t, shown, usage)
		for _, match := range shown {
			for _, word := range strings.Fields(match[1]) {
				if flag, isFlag := strings.CutPrefix(word, "-"); isFlag {
					require.Contains(t, flags, flag, match[0])
				}
			}
		}
	})
}

func TestAWrongCommandLineIsRefusedInALine(t *testing.T) {
	eachProgram(t, func(t *testing.T, name string) {
		for wrong, reason := range map[string]string{
			"-no-such-flag": "flag provided but not defined: -no-such-flag",
			"stray":         `unexpected argument "stray": everything is set by flags`,
		} {
			p := start(t, name, wrong)
			require.Equal(t, program.Usage, p.Wait())
			require.Equal(t, fmt.Sprintf("%s: %s\nTry '%s -h'.\n", name, reason, name), p.Stderr())
			require.Empty(t, p.Stdout())
		}
	})
}

func TestABadAddressIsRefusedByName(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer tcp.Close()
	dir := t.TempDir()
	unix, err := net.Listen("unix", dir+"/taken")
	require.NoError(t, err)
	defer unix.Close()
	for _, c := range []struct {
		what, address string
		status        int
		reason        string
	}{
		{"no network", "127.0.0.1:9000", program.Usage, "did you mean tcp:127.0.0.1:9000?"},
		{"no port", "tcp:127.0.0.1", program.Usage, "missing port"},
		{"port 70000", "tcp:127.0.0.1:70000", program.Usage, "from 0 to 65535"},
		{"long path", "unix:" + dir + "/" + strings.Repeat("p", 108), program.Usage, "at most 107 bytes"},
		{"no such host", "tcp:no-such-host.invalid:9000", program.Failure, "no-such-host.invalid"},
		{"not ours", "tcp:192.0.2.1:9000", program.Failure, "this machine has no such address"}, // TEST-NET-1
		{"no folder", "unix:" + dir + "/no/s", program.Failure, "the folder of that path does not exist"},
		{"a file", "unix:/dev/null", program.Failure, "not a socket"},
		{"port taken", "tcp:" + tcp.Addr().String(), program.Failure, "another program is already listening there"},
		{"path taken", "unix:" + dir + "/taken", program.Failure, "another program is already listening there"},
	} {
		t.Run(c.what, func(t *testing.T) {
			eachServer(t, func(t *testing.T, name string) {
				free := t.TempDir() + "/s"
				p := start(t, name, "-listen", "unix:"+free, "-listen", c.address)
				require.Equal(t, c.status, p.Wait())
				require.Empty(t, p.Stdout(), "nobody is told that it listens")
				require.NoFileExists(t, free)
				requireNoTrace(t, p)
				_, address, _ := strings.Cut(c.address, ":")
				if c.status == program.Usage {
					address = c.address
				}
				require.Contains(t, p.Stderr(), address)
				require.Contains(t, p.Stderr(), c.reason)
				lines := strings.SplitAfter(strings.TrimSuffix(p.Stderr(), "\n"), "\n")
				require.Len(t, lines, c.status, "a line, and one that tells about -h for a wrong command line")
				require.True(t, strings.HasPrefix(lines[0], name+": "), lines[0])
			})
		})
	}
	require.FileExists(t, dir+"/taken")
}

var signals = []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}

// A client that connected and says nothing is there, too: it must not keep the
// program.
func TestASignalEndsEveryServer(t *testing.T) {
	for _, signal := range signals {
		t.Run(signal.String(), func(t *testing.T) {
			eachServer(t, func(t *testing.T, name string) {
				path := t.TempDir() + "/s"
				abstract := fmt.Sprintf("@glibserve-programs-%d-%s", os.Getpid(), name)
				p := start(t, name, "-listen", "tcp:127.0.0.1:0", "-listen", "unix:"+path, "-listen", "unix:"+abstract)
				for _, addr := range p.Addrs(3) {
					servertest.Dial(t, addr)
				}
				require.FileExists(t, path)
				p.Signal(signal)
				require.Equal(t, program.OK, p.Wait())
				require.NoFileExists(t, path)
				requireNoTrace(t, p)
			})
		})
	}
}

// activation has no -listen: the sockets are systemd's, and so is the path.
func TestASignalEndsActivation(t *testing.T) {
	_, err := build()
	require.NoError(t, err)
	for _, signal := range signals {
		ln, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: t.TempDir() + "/s"})
		require.NoError(t, err)
		socket, err := ln.File()
		require.NoError(t, err)
		p := servertest.StartCommand(t, servertest.Activated(filepath.Join(bin, "activation"), []*os.File{socket}))
		servertest.Dial(t, p.Addrs(1)[0]).Expect(":")
		p.Signal(signal)
		require.Equal(t, program.OK, p.Wait())
		requireNoTrace(t, p)
		require.FileExists(t, ln.Addr().String())
		require.NoError(t, socket.Close())
		require.NoError(t, ln.Close())
	}
}
