/* The VMM's memory into superpages, and back. The lock is held. */
#pragma once
#include "luvalley/luvalley.h"

int move_range(struct vmcall_vm *vm, uint64_t address, uint64_t size);
void move_back(struct vmcall_vm *vm);
