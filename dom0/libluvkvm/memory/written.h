/* The log of written pages: what VMMs ask for to draw a screen, or to move a guest elsewhere. */
#pragma once
#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>

struct vm;
struct slot;

/* KVM_GET_DIRTY_LOG: the pages of a slot that the guest, or the library for it, has written since it was asked last. */
long get_dirty_log(struct vm *vm, struct kvm_dirty_log *log);

/* The library has written guest memory itself; called after it has. */
void note_written(struct vm *vm, uint64_t guest, size_t size);

/* A slot's flags have changed, or it is gone: with the VM's lock held for writing. -ENOMEM. */
int start_log(struct vm *vm, struct slot *slot);
void end_log(struct vm *vm, struct slot *slot);
