/* Slots, and the log of written pages. */
#pragma once
#include "luvalley/luvalley.h"

int vmcall_set_slot(struct vm *vm, const struct kvm_userspace_memory_region *region);
int vmcall_get_dirty(struct vm *vm, struct kvm_dirty_log *log);
void add_vm(struct vmcall_vm *vm);
void remove_vm(struct vmcall_vm *vm);
