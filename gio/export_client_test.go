package gio

// What the tests of SocketClient look at.

// DialsAlive is the number of dials of which GIO still holds something.
var DialsAlive = dialsAlive

// ClientsAlive is the number of clients that were not closed or collected.
func ClientsAlive() int {
	n := 0
	clients.byID.Range(func(any, any) bool { n++; return true })
	return n
}
