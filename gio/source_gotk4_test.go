//go:build !race && !asan

package gio_test

import (
	"testing"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"
)

// An object that gotk4 made by itself dies under the race detector when anybody
// takes a reference to it, GIO included.
func TestObjectOfGotk4sOwnIsASource(t *testing.T) {
	requireObjectIsASource(t, gotkgio.NewCancellable())
}
