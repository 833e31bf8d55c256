/* Guest memory: which guest addresses are which of the VMM's own. */
#pragma once
#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vm;

long set_slot(struct vm *vm, const struct kvm_userspace_memory_region *region);

/* Where a guest address lies in this process; NULL if in no slot, or read-only and to be written. `left` is how
 * many bytes follow in the slot. */
void *find_memory(struct vm *vm, uint64_t guest, bool write, size_t *left);

/* Copy between here and guest memory that may cross slots; false if some of it is none. */
bool read_memory(struct vm *vm, uint64_t guest, void *data, size_t size);
bool write_memory(struct vm *vm, uint64_t guest, const void *data, size_t size);

/* Another number whenever slots have changed: what find_memory said before may not hold. */
uint32_t get_slots_version(struct vm *vm);
