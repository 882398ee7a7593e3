package talk_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/gtkchat/talk"
	"github.com/glibserve/glibserve/examples/shared/listen"
)

func machine(available bool, addresses ...string) (n talk.Network) {
	n.Available = available
	for _, a := range addresses {
		n.Addresses = append(n.Addresses, netip.MustParsePrefix(a))
	}
	return n
}

func TestTheHostKnowsWhereNobodyCanComeIn(t *testing.T) {
	for name, c := range map[string]struct {
		listens []listen.Address
		now     talk.Network
		says    string
	}{
		"a Unix socket needs no network": {[]listen.Address{{Network: "unix", Address: "@" + t.Name()}}, machine(false), ""},
		"nor does this machine alone":    {tcp("127.0.0.1:0"), machine(false, "127.0.0.1/8"), ""},
		"but its own address":            {tcp("127.0.0.1:0"), machine(true, "192.0.2.1/24"), "No network: this machine does not have 127.0.0.1 now. Nobody can come in there."},
		"every address, and a way out":   {tcp(":0"), machine(true, "127.0.0.1/8"), ""},
		"a network of a room":            {tcp(":0"), machine(false, "127.0.0.1/8", "192.0.2.1/24"), ""},
		"nobody else is there":           {tcp(":0"), machine(false, "127.0.0.1/8", "::1/128", "fe80::1/64"), "No network: nobody can come in from other machines."},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := talk.NewHost(talk.HostConfig{Addresses: c.listens})
			require.NoError(t, err)
			defer h.Close()
			require.Equal(t, c.says, h.Offline(c.now))
		})
	}
}

func tcp(address string) []listen.Address {
	return []listen.Address{{Network: "tcp", Address: address}}
}

func TestAGuestKnowsWhenItsAddressIsGone(t *testing.T) {
	_, addrs := host(t, "")
	for i, gone := range []string{"No network: this machine does not have 127.0.0.1 now. The conversation goes on when it is back.", ""} {
		guest := join(t, addrs[i], "")
		require.Empty(t, guest.Offline(machine(false, "127.0.0.1/8")))
		require.Equal(t, gone, guest.Offline(machine(true, "192.0.2.1/24")))
	}
}
