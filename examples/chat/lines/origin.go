package lines

import (
	"log/slog"
	"net"
	"strconv"

	"github.com/glibserve/glibserve/examples/chat/hub"
	"github.com/glibserve/glibserve/gio"
)

// Origin says where a connection of the library comes from: the IP address,
// or on a Unix socket, where the kernel tells, the user. A TCP connection gets
// keep-alive, which finds out within hours that a peer's machine is gone.
func Origin(conn *gio.SocketConnection, log *slog.Logger) hub.Origin {
	switch addr := conn.RemoteAddr().(type) {
	case *net.TCPAddr:
		if err := conn.SetKeepAlive(true); err != nil {
			log.Debug("no keep-alive", "remote", addr, "error", err)
		}
		door := "tcp"
		if _, secure := conn.TLS(); secure {
			door = "tls"
		}
		return hub.Origin{Door: door, Host: addr.IP.String()}
	default:
		peer, err := conn.PeerCredentials()
		if err != nil {
			log.Debug("no peer credentials", "error", err)
			return hub.Origin{Door: "unix"}
		}
		return hub.Origin{Door: "unix", Host: "uid " + strconv.FormatUint(uint64(peer.UID), 10)}
	}
}
