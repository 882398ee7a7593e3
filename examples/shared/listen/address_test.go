package listen_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/listen"
)

func TestParseReadsEveryForm(t *testing.T) {
	for in, want := range map[string]listen.Address{
		"tcp:127.0.0.1:9000":                 {Network: "tcp", Address: "127.0.0.1:9000"},
		"tcp:127.0.0.1:0":                    {Network: "tcp", Address: "127.0.0.1:0"},
		"tcp:[::1]:9000":                     {Network: "tcp", Address: "[::1]:9000"},
		"tcp6:[::1]:9000":                    {Network: "tcp6", Address: "[::1]:9000"},
		"tcp4:0.0.0.0:80":                    {Network: "tcp4", Address: "0.0.0.0:80"},
		"tcp6:[::ffff:1.2.3.4]:1":            {Network: "tcp6", Address: "[::ffff:1.2.3.4]:1"},
		"tcp::9000":                          {Network: "tcp", Address: ":9000"},
		"tcp:localhost:9000":                 {Network: "tcp", Address: "localhost:9000"},
		"tcp:127.0.0.1:0080":                 {Network: "tcp", Address: "127.0.0.1:80"},
		"unix:/run/echo.sock":                {Network: "unix", Address: "/run/echo.sock"},
		"unix:echo.sock":                     {Network: "unix", Address: "echo.sock"},
		"unix:/with:colon and space":         {Network: "unix", Address: "/with:colon and space"},
		"unix:@echo":                         {Network: "unix", Address: "@echo"},
		"unix:" + strings.Repeat("p", 107):   {Network: "unix", Address: strings.Repeat("p", 107)},
		"unix:@" + strings.Repeat("n", 107):  {Network: "unix", Address: "@" + strings.Repeat("n", 107)},
		"unix:" + strings.Repeat("/tmp/", 3): {Network: "unix", Address: "/tmp//tmp//tmp/"},
	} {
		t.Run(in, func(t *testing.T) {
			got, err := listen.Parse(in)
			require.NoError(t, err)
			require.Equal(t, want, got)
			again, err := listen.Parse(got.String())
			require.NoError(t, err)
			require.Equal(t, got, again, "String is the form that Parse reads")
		})
	}
}

func TestParseRefusesWithTheReason(t *testing.T) {
	for in, reason := range map[string]string{
		"":                                  "an address is missing",
		"9000":                              "is not an address to listen on: use tcp:HOST:PORT",
		"127.0.0.1:9000":                    "did you mean tcp:127.0.0.1:9000?",
		":9000":                             "did you mean tcp::9000?",
		"[::1]:9000":                        "did you mean tcp:[::1]:9000?",
		"localhost:http":                    "is not an address to listen on",
		"/run/echo.sock":                    "did you mean unix:/run/echo.sock?",
		"@echo":                             "did you mean unix:@echo?",
		"udp:127.0.0.1:9000":                "is not an address to listen on",
		"TCP:127.0.0.1:9000":                "is not an address to listen on",
		"tcp":                               "missing port",
		"tcp:":                              "missing port",
		"tcp:9000":                          "did you mean tcp:127.0.0.1:9000",
		"tcp:127.0.0.1":                     "missing port",
		"tcp:127.0.0.1:":                    `the port "" is not a number`,
		"tcp:127.0.0.1:http":                `the port "http" is not a number`,
		"tcp:127.0.0.1:65536":               "from 0 to 65535",
		"tcp:127.0.0.1:-1":                  "from 0 to 65535",
		"tcp:::1:9000":                      "IPv6 goes in brackets",
		"tcp4:[::1]:9000":                   "::1 is not an address of tcp4",
		"tcp6:127.0.0.1:9000":               "127.0.0.1 is not an address of tcp6",
		"tcp:a b:9000":                      "has a space",
		"unix:":                             "needs a path",
		"unix:@":                            "needs a name",
		"unix:/a\x00b":                      "zero byte",
		"unix:" + strings.Repeat("p", 108):  "at most 107 bytes, this one has 108",
		"unix:@" + strings.Repeat("n", 108): "at most 107 bytes, this one has 108",
	} {
		t.Run(in, func(t *testing.T) {
			_, err := listen.Parse(in)
			require.ErrorContains(t, err, reason)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"tcp:127.0.0.1:9000", "tcp:[::1%lo]:0", "unix:@x", "unix:/x", "::", "tcp::::"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		address, err := listen.Parse(in)
		if err != nil {
			return
		}
		again, err := listen.Parse(address.String())
		require.NoError(t, err)
		require.Equal(t, address, again)
	})
}
