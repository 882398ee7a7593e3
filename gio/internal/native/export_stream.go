package native

// What the sources of streams call back, on the loop's thread.

/*
#include "stream.h"
*/
import "C"

//export gsvGoStreamReady
func gsvGoStreamReady(id C.uint64_t) {
	if s, ok := Streams.Get(uint64(id)); ok {
		s.StreamReady()
	}
}
