//go:build !race && !asan

package gio_test

const raceFactor = 1
