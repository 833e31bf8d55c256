/* Superpages of the pool, by hypercall. */
#pragma once
#include "luvalley/luvalley.h"

#define ANY_SUPERPAGE ~0ull

int claim_superpage(struct vmcall_vm *vm, uint64_t hint, uint64_t *superpage);
bool release_superpage(struct vmcall_vm *vm, uint64_t superpage);

/* Force a VM exit on every CPU that runs a guest of this process. */
void kick_all(void);
