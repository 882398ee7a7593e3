package gio

import (
	"context"
	"errors"
	"net"
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
	m, err := loadMaterial(cfg.CertFile, cfg.KeyFile, cfg.RootCAFile, cfg.Protocols)
	if err != nil {
		return nil, err
	}
	return &clientTLS{*cfg, m}, nil
}

// start does the handshake. A connection that it fails for is closed.
func (tls *clientTLS) start(ctx context.Context, sc *SocketConnection, t *dialTarget) error {
	name := tls.cfg.ServerName
	if name == "" {
		name = t.identity
	}
	if name == "" && !tls.cfg.InsecureSkipVerify {
		_ = sc.Close() // GIO would accept a certificate for any name
		return errors.New("ClientTLSConfig.ServerName is needed: the address has no host name")
	}
	err := sc.startTLS(ctx, tls.cfg.on(&sc.c.fd, tls.material, name))
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
