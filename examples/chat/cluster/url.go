package cluster

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// schemes of NATS; those for WebSocket do not go together with the others.
var schemes = []string{"nats", "tls", "ws", "wss"}

// CheckURL tells what is wrong with the address of a NATS server, or with one
// of several that are separated by commas.
func CheckURL(urls string) error {
	sockets := 0
	list := strings.Split(urls, ",")
	for _, s := range list {
		u, err := parseURL(s)
		if err != nil {
			return err
		}
		if strings.HasPrefix(u.Scheme, "ws") {
			sockets++
		}
	}
	if sockets > 0 && sockets < len(list) {
		return errors.New("ws and wss cannot be mixed with nats and tls")
	}
	return nil
}

// parseURL never repeats what it was given: there may be a password in it.
func parseURL(s string) (*url.URL, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return nil, errors.New("an address is empty: it looks like nats://HOST:4222")
	}
	if !strings.Contains(s, "://") {
		s = "nats://" + s
	}
	u, err := url.Parse(s)
	if err != nil {
		var bad *url.Error
		if errors.As(err, &bad) {
			err = bad.Err
		}
		return nil, fmt.Errorf("not an address: %w", err)
	}
	if !slices.Contains(schemes, u.Scheme) {
		return nil, fmt.Errorf("%q is not a way to a NATS server: nats, tls, ws and wss are", u.Scheme)
	}
	if u.Hostname() == "" {
		return nil, errors.New("no host in it: it looks like nats://HOST:4222")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, fmt.Errorf("%s is not a port", port)
		}
	}
	if u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/" && !strings.HasPrefix(u.Scheme, "ws") {
		return nil, errors.New("there is something behind the host and port")
	}
	return u, nil
}

// shown is urls without users, passwords and tokens, for a log.
func shown(urls string) string {
	list := strings.Split(urls, ",")
	for i, s := range list {
		list[i] = "?"
		if u, err := parseURL(s); err == nil {
			u.User = nil
			list[i] = u.String()
		}
	}
	return strings.Join(list, ",")
}
