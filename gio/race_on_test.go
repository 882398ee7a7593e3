//go:build race

package gio_test

const raceFactor = 8
