package gio

// What the sources of streams call back, on the loop's thread.

/*
#include "native_stream.h"
*/
import "C"

//export gsvGoStreamReady
func gsvGoStreamReady(id C.uint64_t) { streamReady(uint64(id)) }
