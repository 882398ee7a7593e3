package gio

// Credentials identify the process at the other end of a Unix socket, as the
// kernel recorded them when it connected.
type Credentials struct {
	PID int
	UID int
	GID int
}

// PeerCredentials returns who is at the other end of a Unix socket
// (g_socket_get_credentials). On a TCP connection it is an error.
func (sc *SocketConnection) PeerCredentials() (*Credentials, error) {
	var cred *Credentials
	err := sc.use("credentials", func(n nativeConn) (err error) {
		cred, err = n.credentials()
		return err
	})
	return cred, err
}
