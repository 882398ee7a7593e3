package interop_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A transport is a kind of address. Ours has a network and an address as package
// net writes them, the peers' has them in one word.
type transport struct {
	name string
	free func(t *testing.T) (network, address string) // one to listen on
}

var abstractNames atomic.Int64

var transports = []transport{
	{"tcp", func(*testing.T) (string, string) { return "tcp", "127.0.0.1:0" }},
	{"unix", func(t *testing.T) (string, string) { return "unix", filepath.Join(t.TempDir(), "s") }},
	{"abstract", func(*testing.T) (string, string) {
		return "unix", fmt.Sprintf("@glibserve-interop-%d-%d", os.Getpid(), abstractNames.Add(1))
	}},
}

// theirs is the peers' word for an address.
func theirs(network, address string) string {
	if name, abstract := strings.CutPrefix(address, "@"); abstract {
		return "abstract:" + name
	}
	return network + ":" + address
}

// ours takes the peers' word apart.
func ours(t *testing.T, word string) (network, address string) {
	t.Helper()
	kind, name, ok := strings.Cut(word, ":")
	require.True(t, ok, word)
	if kind == "abstract" {
		return "unix", "@" + name
	}
	return kind, name
}
