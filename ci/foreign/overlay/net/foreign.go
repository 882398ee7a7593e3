//go:build glibserve_foreign

package net

import (
	"context"
	"io"
)

// ForeignListen and ForeignDial, when set, are asked before Listen and Dial do anything
// themselves. They return nil and nil for what they leave to package net.
var (
	ForeignListen func(ctx context.Context, network, address string) (Listener, error)
	ForeignDial   func(ctx context.Context, network, address string) (Conn, error)
)

// ForeignTCPConn takes the place of *TCPConn in tests: what they call of it.
type ForeignTCPConn interface {
	Conn
	ReadFrom(r io.Reader) (int64, error)
	CloseRead() error
	CloseWrite() error
	SetLinger(sec int) error
	SetNoDelay(noDelay bool) error
	SetKeepAlive(keepalive bool) error
}
