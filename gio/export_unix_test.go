package gio

import "time"

// SetGracefulTimeout shortens the wait of a graceful Close; the result undoes it.
func SetGracefulTimeout(d time.Duration) (undo func()) {
	old := gracefulTimeout
	gracefulTimeout = d
	return func() { gracefulTimeout = old }
}
