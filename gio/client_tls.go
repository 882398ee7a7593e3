package gio

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"strings"

	"github.com/glibserve/glibserve/gio/internal/giostream"
	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/netfd"
)

// clientTLS is the TLS of a client: GIO puts it on the connections that
// GSocketClient has made. GSocketClient's own way ("tls") would hide the stream
// to read and write inside a GTcpWrapperConnection.
type clientTLS struct {
	cfg      ClientTLSConfig
	material *tlsMaterial
}

func newClientTLS(cfg *ClientTLSConfig) (*clientTLS, error) {
	if cfg == nil {
		return nil, nil
	}
	files, err := tlsFiles{cert: cfg.CertFile, key: cfg.KeyFile, authorities: cfg.RootCAFile}.absolute()
	if err != nil {
		return nil, err
	}
	m, err := files.load()
	if err != nil {
		return nil, err
	}
	return &clientTLS{*cfg, m}, nil
}

// on is the TLS of one connection to a server of this name.
func (tls *clientTLS) on(fd *netfd.FD, name string) *giostream.TLS {
	return giostream.NewTLS(fd, handshakeLimit(tls.cfg.HandshakeTimeout), nil, func(n native.Connection) (native.Stream, error) {
		return tls.put(n, name)
	})
}

// put puts TLS on a connection.
func (tls *clientTLS) put(n native.Connection, name string) (native.Stream, error) {
	defer runtime.KeepAlive(tls.material)
	o := &native.TLSOptions{
		Certificate: tls.material.certificate,
		Protocols:   tls.cfg.Protocols,
		Verify:      native.VerifyRequired,
		Authorities: tls.material.authorities.native(),
		Tolerated:   tls.cfg.Tolerate,
	}
	if tls.cfg.InsecureSkipVerify {
		o.Verify = native.VerifyNone
	}
	o.Name, o.IP = serverIdentity(name)
	return n.TLSClient(o)
}

// serverIdentity is what a certificate must be for, as crypto/tls has it: an IP address,
// which its zone is no part of and which is no name to send by SNI (RFC 6066), or a name
// without the dot of the root. An IPv4 address that is mapped is the IPv4 address.
func serverIdentity(host string) (name, ip string) {
	bare := host
	if strings.HasPrefix(bare, "[") && strings.HasSuffix(bare, "]") {
		bare = bare[1 : len(bare)-1]
	}
	if addr, err := netip.ParseAddr(bare); err == nil {
		return "", addr.WithZone("").Unmap().String()
	}
	return strings.TrimSuffix(host, "."), ""
}

// start does the handshake. A connection that it fails for is closed.
func (tls *clientTLS) start(ctx context.Context, sc *SocketConnection, t *dialTarget) error {
	name := tls.cfg.ServerName
	if name == "" {
		name = t.identity
	}
	if err := tls.named(name); err != nil {
		_ = sc.Close()
		return err
	}
	err := sc.startTLS(ctx, tls.on(&sc.c.fd, name))
	if err == nil {
		return nil
	}
	_ = sc.Close()
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return err
}

// named refuses what no certificate can be checked against.
func (tls *clientTLS) named(name string) error {
	dns, ip := serverIdentity(name)
	if dns == "" && ip == "" && !tls.cfg.InsecureSkipVerify {
		return errors.New("ClientTLSConfig.ServerName is needed: the address has no host name")
	}
	return plainText(name)
}
