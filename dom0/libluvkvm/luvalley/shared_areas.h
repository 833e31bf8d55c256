/* The shared vCPU areas: several in a superpage. */
#pragma once
#include "luvalley/luvalley.h"

/* A new one, zeroed, with its pages present. `offset` is in the pool's device. */
int make_shared_area(struct vmcall_vm *vm, uint8_t **area, uint64_t *offset);
