package gio

import (
	"github.com/glibserve/glibserve/gio/internal/native"
)

// What the tests of SocketClient look at.

// DialsAlive is the number of dials of which GIO still holds something.
var DialsAlive = native.DialsAlive

// ClientsAlive is the number of clients that were not closed or collected.
func ClientsAlive() int { return native.OpenClients() }
