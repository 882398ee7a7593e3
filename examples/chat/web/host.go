package web

import (
	"net/netip"
	"strings"
)

// hostname is the name in a Host header: in lower case, without port, brackets and the
// dot that ends a complete name.
func hostname(host string) string {
	if rest, ok := strings.CutPrefix(host, "["); ok {
		host, _, _ = strings.Cut(rest, "]")
	} else {
		host, _, _ = strings.Cut(host, ":")
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// answersTo tells whether a request may name the host so. Nobody can have an IP
// address point somewhere else, and a browser resolves localhost by itself. A request
// without a name comes from no browser.
func (d *Door) answersTo(name string) bool {
	if name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	if d.cfg.Hosts == nil {
		return false
	}
	for _, own := range d.cfg.Hosts() {
		if hostname(own) == name {
			return true
		}
	}
	return false
}
