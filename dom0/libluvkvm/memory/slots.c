#include "memory/slots.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "api/vcpu.h"
#include "api/vm.h"
#include "memory/written.h"

#define FLAGS (KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY)

static bool is_aligned(uint64_t value)
{
    return !(value & (PAGE - 1));
}

/* The same errors as KVM's, so that a VMM sees no difference. */
static long check_region(struct vm *vm, const struct kvm_userspace_memory_region *region)
{
    uint64_t end = region->guest_phys_addr + region->memory_size;
    const struct slot *old;

    if (region->slot >= MAX_SLOTS || region->flags & ~FLAGS || !is_aligned(region->guest_phys_addr) ||
        !is_aligned(region->memory_size) || !is_aligned(region->userspace_addr) || end < region->guest_phys_addr)
        return -EINVAL;
    old = &vm->slots[region->slot];
    if (!region->memory_size)
        return old->size ? 0 : -EINVAL;
    if (old->size &&
        (old->size != region->memory_size || old->user != region->userspace_addr ||
         (old->flags ^ region->flags) & KVM_MEM_READONLY))
        return -EINVAL;
    for (uint32_t i = 0; i < vm->slot_end; i++) {
        const struct slot *slot = &vm->slots[i];

        if (i != region->slot && slot->size && slot->guest < end && region->guest_phys_addr < slot->guest + slot->size)
            return -EEXIST;
    }
    return 0;
}

/* The log is kept where the memory is the same. */
static long keep_slot(struct vm *vm, const struct kvm_userspace_memory_region *region)
{
    struct slot *slot = &vm->slots[region->slot];
    bool logged = region->flags & KVM_MEM_LOG_DIRTY_PAGES && region->memory_size;

    if (!logged || slot->size != region->memory_size)
        end_log(vm, slot);
    slot->guest = region->guest_phys_addr;
    slot->size = region->memory_size;
    slot->user = region->userspace_addr;
    slot->flags = region->flags;
    if (region->slot >= vm->slot_end)
        vm->slot_end = region->slot + 1;
    return logged ? start_log(vm, slot) : 0;
}

long set_slot(struct vm *vm, const struct kvm_userspace_memory_region *region)
{
    long result;

    pthread_rwlock_wrlock(&vm->lock);
    result = check_region(vm, region);
    atomic_fetch_add(&vm->slots_version, 1);
    if (!result)
        result = vm->backend->set_slot(vm, region);
    if (!result)
        result = keep_slot(vm, region);
    atomic_fetch_add(&vm->slots_version, 1);
    pthread_rwlock_unlock(&vm->lock);
    return result;
}

uint32_t get_slots_version(struct vm *vm)
{
    return atomic_load_explicit(&vm->slots_version, memory_order_acquire);
}

void *find_memory(struct vm *vm, uint64_t guest, bool write, size_t *left)
{
    void *found = NULL;

    pthread_rwlock_rdlock(&vm->lock);
    for (uint32_t i = 0; i < vm->slot_end && !found; i++) {
        const struct slot *slot = &vm->slots[i];

        if (guest - slot->guest >= slot->size || (write && slot->flags & KVM_MEM_READONLY))
            continue;
        found = (void *)(slot->user + (guest - slot->guest));
        *left = slot->size - (guest - slot->guest);
    }
    pthread_rwlock_unlock(&vm->lock);
    return found;
}

static bool copy_memory(struct vm *vm, uint64_t guest, uint8_t *data, size_t size, bool write)
{
    while (size) {
        size_t left, part;
        void *place = find_memory(vm, guest, write, &left);

        if (!place)
            return false;
        part = left < size ? left : size;
        memcpy(write ? place : data, write ? data : place, part);
        if (write)
            note_written(vm, guest, part);
        guest += part;
        data += part;
        size -= part;
    }
    return true;
}

bool read_memory(struct vm *vm, uint64_t guest, void *data, size_t size)
{
    return copy_memory(vm, guest, data, size, false);
}

bool write_memory(struct vm *vm, uint64_t guest, const void *data, size_t size)
{
    return copy_memory(vm, guest, (uint8_t *)data, size, true);
}
