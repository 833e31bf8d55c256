/* Superpages for windows and shared vCPU areas, those that the VMM no longer uses first. The lock is held. */
#pragma once
#include "luvalley/luvalley.h"

/* A superpage next to the last one, or any; when the pool is used up, after a release of empty ones. */
int allocate_superpage(struct vmcall_vm *vm, uint64_t *superpage);

/* Release the superpages of windows without memory; one that a slot still maps stays. */
void release_empty(struct vmcall_vm *vm);
