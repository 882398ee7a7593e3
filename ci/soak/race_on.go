//go:build linux && race

package main

// raceFactor is for the race detector, which keeps books in memory of its own.
const raceFactor = 20
