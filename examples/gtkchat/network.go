package main

import (
	"net"
	"net/netip"

	"github.com/diamondburned/gotk4/pkg/gio/v2"

	"github.com/glibserve/glibserve/examples/gtkchat/talk"
)

// network is what the machine has of a network now. It asks the kernel, and takes a
// fraction of a millisecond.
func network(monitor *gio.NetworkMonitor) talk.Network {
	n := talk.Network{Available: monitor.NetworkAvailable()}
	interfaces, _ := net.Interfaces() // none, then
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagRunning == 0 {
			continue
		}
		addrs, _ := i.Addrs()
		for _, addr := range addrs {
			ipNet, ok := addr.(*net.IPNet)
			if !ok {
				continue
			}
			if ip, ok := netip.AddrFromSlice(ipNet.IP); ok {
				ones, _ := ipNet.Mask.Size()
				n.Addresses = append(n.Addresses, netip.PrefixFrom(ip.Unmap(), ones))
			}
		}
	}
	return n
}
