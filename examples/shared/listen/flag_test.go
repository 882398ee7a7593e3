package listen_test

import (
	"flag"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/listen"
)

func parseFlags(args ...string) (*listen.Flag, error) {
	addresses := listen.Default("tcp:127.0.0.1:9000")
	flags := flag.NewFlagSet("test", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Var(addresses, "listen", "")
	return addresses, flags.Parse(args)
}

func TestFlagReplacesTheDefaultThenAdds(t *testing.T) {
	f, err := parseFlags()
	require.NoError(t, err)
	require.Equal(t, "tcp:127.0.0.1:9000", f.String())

	f, err = parseFlags("-listen", "unix:@a", "-listen=tcp:[::1]:1")
	require.NoError(t, err)
	require.Equal(t, "unix:@a tcp:[::1]:1", f.String())
	require.Len(t, f.Addresses(), 2)
}

func TestFlagRefusesAnAddressGivenTwice(t *testing.T) {
	_, err := parseFlags("-listen", "unix:@a", "-listen", "unix:@a")
	require.ErrorContains(t, err, "unix:@a is given twice")

	_, err = parseFlags("-listen", "tcp:127.0.0.1:0", "-listen", "tcp:127.0.0.1:0")
	require.NoError(t, err, "port 0 is a different port each time")
}
