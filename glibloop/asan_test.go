//go:build asan

package glibloop_test

// A panic that unwinds C frames leaves their stacks poisoned.
const asan = true
