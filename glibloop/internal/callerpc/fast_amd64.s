#include "textflag.h"

// func returnAddress() uintptr
//
// BP is the frame pointer of the caller. It points to the saved one of the
// caller's caller, which has its return address beside it.
TEXT ·returnAddress(SB), NOSPLIT|NOFRAME, $0-8
	MOVQ (BP), AX
	MOVQ 8(AX), AX
	MOVQ AX, ret+0(FP)
	RET
