package talk

import (
	"net"
	"net/netip"
	"strings"
)

// Network is what this machine has of a network.
type Network struct {
	Available bool           // there is a way to other networks (GNetworkMonitor:network-available)
	Addresses []netip.Prefix // of the interfaces that are up, with the networks they are in
}

// has tells whether an address is one of this machine's.
func (n Network) has(ip netip.Addr) bool {
	for _, p := range n.Addresses {
		if p.Addr() == ip {
			return true
		}
	}
	return false
}

// reaches tells whether there is a way to an address: a network of the machine's own has
// one without a way to others.
func (n Network) reaches(ip netip.Addr) bool {
	if n.Available || ip.IsLoopback() {
		return true
	}
	for _, p := range n.Addresses {
		if p.Masked().Contains(ip) {
			return true
		}
	}
	return false
}

// connected tells whether there are other machines at all.
func (n Network) connected() bool {
	if n.Available {
		return true
	}
	for _, p := range n.Addresses {
		if ip := p.Addr(); !ip.IsLoopback() && !ip.IsLinkLocalUnicast() {
			return true
		}
	}
	return false
}

// ipOf is invalid for an address without one, such as a Unix socket's.
func ipOf(addr net.Addr) netip.Addr {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap().WithZone("")
}

// Offline tells where nobody can come in although the server listens: at an address
// that the machine has lost, and at all of them from other machines when it has none.
func (h *Host) Offline(n Network) string {
	var gone []string
	everywhere := false
	for _, addr := range h.addrs {
		switch ip := ipOf(addr); {
		case !ip.IsValid():
		case ip.IsUnspecified():
			everywhere = true
		case !n.has(ip):
			gone = append(gone, ip.String())
		}
	}
	switch {
	case len(gone) > 0:
		return "No network: this machine does not have " + strings.Join(gone, ", ") + " now. Nobody can come in there."
	case everywhere && !n.connected():
		return "No network: nobody can come in from other machines."
	}
	return ""
}

// Offline tells why nothing comes from the server and nothing goes there. The connection
// stays for some minutes, so that a network which comes back has lost nothing.
func (j *Joined) Offline(n Network) string {
	const wait = " The conversation goes on when it is back."
	local, remote := ipOf(j.conn.LocalAddr()), ipOf(j.conn.RemoteAddr())
	switch {
	case !remote.IsValid():
		return ""
	case !n.has(local):
		return "No network: this machine does not have " + local.String() + " now." + wait
	case !n.reaches(remote):
		return "No network: there is no way to the server now." + wait
	}
	return ""
}
