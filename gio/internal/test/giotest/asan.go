//go:build asan

package giotest

// Before libasan of GCC 13, LeakSanitizer takes an allocation that begins 16 bytes
// into a page for a thread's block of thread-local variables as glibc 2.19 laid it
// out, and what AddressSanitizer keeps in those 16 bytes for the block's address and
// size: "Tracer caught signal 11", as often as not where many threads had been in
// GnuTLS. With red zones of 256 bytes every allocation begins at a multiple of 64.

// const char *__asan_default_options (void) { return "redzone=256"; }
import "C"

// AddressSanitizer tells whether the tests run under it, and LeakSanitizer at their end.
const AddressSanitizer = true
