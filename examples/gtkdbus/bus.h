#include <stdint.h>

void peer_new(uintptr_t stream, uintptr_t handle);
