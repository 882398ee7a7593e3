//go:build !asan

package glibloop_test

const asan = false
