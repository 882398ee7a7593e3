//go:build linux

package load

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/glibserve/glibserve/ci/soak/wire"
)

// handshake puts TLS on a connection. It closes what it can not put it on.
func handshake(below net.Conn, authority []byte) (net.Conn, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		return nil, errors.New("the authority is no certificate")
	}
	c := tls.Client(below, &tls.Config{RootCAs: pool, ServerName: wire.ServerName})
	if err := c.Handshake(); err != nil {
		_ = below.Close()
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	return c, nil
}

// stall says less than a TLS client has to, and waits to be sent away, or leaves.
func (v *visit) stall() error {
	hello := v.w.buffer[:0]
	c := tls.Client(keeper{v.conn, &hello}, &tls.Config{ServerName: wire.ServerName})
	_ = c.Handshake() // which ends with its first word
	switch v.w.random.IntN(3) {
	case 0:
		hello = hello[:1]
	case 1:
		hello = hello[:len(hello)/2]
	}
	if _, err := v.conn.Write(hello); err != nil {
		return err
	}
	away := make(chan error, 1)
	go func() {
		var err error
		for b := make([]byte, 4096); err == nil; {
			_, err = v.conn.Read(b)
		}
		away <- err
	}()
	select {
	case <-v.entry.hurry:
	case <-v.w.load.hurried():
	case <-time.After(time.Duration(v.w.random.IntN(3000)) * time.Millisecond):
	case err := <-away:
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			return fmt.Errorf("a peer that stalls was not sent away: %w", err)
		}
	}
	return nil
}

// keeper keeps what is written.
type keeper struct {
	net.Conn
	to *[]byte
}

var errKept = errors.New("kept")

func (k keeper) Write(b []byte) (int, error) {
	*k.to = append(*k.to, b...)
	return 0, errKept
}
