//go:build !asan

package giotest

// AddressSanitizer tells whether the tests run under it, and LeakSanitizer at their end.
const AddressSanitizer = false
