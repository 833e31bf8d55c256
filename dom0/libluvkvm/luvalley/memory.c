/* Slots: the guest addresses at which the VMM's memory is mapped. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "api/log.h"
#include "luvalley_abi.h"
#include "memory/pages.h"
#include "memory/slots.h"
#include "luvalley/memory.h"
#include "luvalley/move.h"
#include "luvalley/reclaim.h"
#include "luvalley/superpages.h"

#define PATIENCE 100000 /* calls that bring nothing forward */

/* --- Hypercalls on ranges: each does a part and says how far it came --- */

static int64_t map_some(struct vmcall_vm *vm, uint64_t guest, uint64_t user, uint64_t size, uint64_t rights, uint64_t *done)
{
    struct hypercall call = make_domain_call(vm, LUV_HYPERCALL_memory_map, guest, user);

    call.r10 = size | rights;
    *done = 0;
    return luv_hypercall(&call, done);
}

/* A page that was present may have been removed from our tables (MADV_DONTNEED): touching it brings the same one back. */
static int map_memory(struct vmcall_vm *vm, uint64_t guest, uint64_t user, uint64_t size, uint64_t rights)
{
    int64_t status = 0;
    bool touched = false;

    while (size) {
        uint64_t done;

        status = map_some(vm, guest, user, size, rights, &done);
        if (!status)
            return 0;
        if (status == -EFAULT && (!touched || done) &&
            touch_pages((void *)(user + done), size - done, rights & LUV_RIGHT_WRITE))
            touched = true;
        else if (status != -EAGAIN)
            break;
        guest += done;
        user += done;
        size -= done;
    }
    return (int)status;
}

static int64_t unmap_some(struct vmcall_vm *vm, uint64_t guest, uint64_t size, uint64_t *done)
{
    struct hypercall call = make_domain_call(vm, LUV_HYPERCALL_memory_unmap, guest, size);

    *done = 0;
    return luv_hypercall(&call, done);
}

/* Return when no CPU can use it any more: a VM exit is forced on those that are in the guest. */
static int unmap_memory(struct vmcall_vm *vm, uint64_t guest, uint64_t size)
{
    for (int tries = 0; tries < PATIENCE; tries++) {
        uint64_t done;
        int64_t status = unmap_some(vm, guest, size, &done);

        if (status != -EAGAIN)
            return (int)status;
        if (done && done < size) {
            guest += done;
            size -= done;
            tries = 0;
        } else {
            kick_all();
        }
    }
    log_line("guest memory at 0x%llx is still in use by a CPU that does not exit from its guest.", (unsigned long long)guest);
    return -EBUSY;
}

/* --- Slots --- */

/* KVM maps memory that the VMM itself may not write for reading: the guest's writes are then its VMM's, as to a ROM. */
static bool is_unwritable(const struct kvm_userspace_memory_region *region)
{
    struct mapping mapping;

    return find_mapping(region->userspace_addr, region->memory_size, &mapping) && !(mapping.protection & PROT_WRITE);
}

static int map_slot(struct vmcall_vm *vm, const struct kvm_userspace_memory_region *region)
{
    uint64_t rights = LUV_RIGHT_READ | LUV_RIGHT_EXECUTE | (region->flags & KVM_MEM_READONLY ? 0 : LUV_RIGHT_WRITE);
    int error = map_memory(vm, region->guest_phys_addr, region->userspace_addr, region->memory_size, rights);

    if (error != -EFAULT || !(rights & LUV_RIGHT_WRITE) || !is_unwritable(region))
        return error;
    rights &= ~(uint64_t)LUV_RIGHT_WRITE;
    return map_memory(vm, region->guest_phys_addr, region->userspace_addr, region->memory_size, rights);
}

static int add_slot(struct vmcall_vm *vm, const struct kvm_userspace_memory_region *region)
{
    int error = move_range(vm, region->userspace_addr, region->memory_size);

    if (error)
        return error;
    error = map_slot(vm, region);
    if (!error)
        return 0;
    log_line("0x%llx bytes at guest address 0x%llx cannot be mapped: error %d", (unsigned long long)region->memory_size,
             (unsigned long long)region->guest_phys_addr, -error);
    unmap_memory(vm, region->guest_phys_addr, region->memory_size);
    return error;
}

static int remove_slot(struct vmcall_vm *vm, const struct slot *old)
{
    int error = unmap_memory(vm, old->guest, old->size);

    if (vm->has_empty)
        release_empty(vm);
    return error;
}

/* Another place for the same memory: KVM allows it in one call. */
static int change_slot(struct vmcall_vm *vm, const struct slot *old, const struct kvm_userspace_memory_region *region)
{
    int error = 0;

    if (old->size && (!region->memory_size || old->guest != region->guest_phys_addr)) {
        error = remove_slot(vm, old);
        old = &(const struct slot){0};
    }
    return error || old->size || !region->memory_size ? error : add_slot(vm, region);
}

int vmcall_set_slot(struct vm *vm, const struct kvm_userspace_memory_region *region)
{
    struct vmcall_vm *own = get_own_vm(vm);
    int error;

    pthread_mutex_lock(&own->lock);
    error = change_slot(own, &vm->slots[region->slot], region);
    pthread_mutex_unlock(&own->lock);
    return error;
}

/* --- The log of written pages: 64 a call, all of one 2 MiB --- */

static uint64_t count_asked(uint64_t guest, uint64_t left)
{
    uint64_t max = (WINDOW_BYTES - guest % WINDOW_BYTES) / PAGE;

    max = max < LUV_DIRTY_PAGES_MAX ? max : LUV_DIRTY_PAGES_MAX;
    return left < max ? left : max;
}

static int64_t ask_dirty(struct vmcall_vm *vm, uint64_t guest, uint64_t pages, uint64_t *dirty)
{
    struct hypercall call = make_domain_call(vm, LUV_HYPERCALL_memory_dirty, guest, pages);

    *dirty = 0;
    return hypercall_until_done(&call, dirty);
}

static void put_bits(uint64_t *bitmap, uint64_t from, uint64_t bits)
{
    unsigned shift = from % 64;

    bitmap[from / 64] |= bits << shift;
    if (shift && bits >> (64 - shift))
        bitmap[from / 64 + 1] |= bits >> (64 - shift);
}

/* A large page that was written is split for it: without a page for that, every page counts as written. */
int vmcall_get_dirty(struct vm *vm, struct kvm_dirty_log *log)
{
    const struct slot *slot = &vm->slots[log->slot];
    uint64_t pages = slot->size / PAGE, any = 0;

    memset(log->dirty_bitmap, 0, (pages + 63) / 64 * sizeof(uint64_t));
    for (uint64_t asked, done = 0; done < pages; done += asked) {
        uint64_t guest = slot->guest + done * PAGE, dirty;

        asked = count_asked(guest, pages - done);
        if (ask_dirty(get_own_vm(vm), guest, asked, &dirty))
            return -ENOSYS;
        put_bits(log->dirty_bitmap, done, dirty);
        any |= dirty;
    }
    return any && unmap_memory(get_own_vm(vm), 0, 0) ? -ENOSYS : 0; /* the marks were cleared: no error may lose them */
}

/* --- What the VMM does to its memory by itself --- */

static struct vmcall_vm *all;
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;

void add_vm(struct vmcall_vm *vm)
{
    pthread_mutex_lock(&all_lock);
    vm->next = all;
    all = vm;
    pthread_mutex_unlock(&all_lock);
}

void remove_vm(struct vmcall_vm *vm)
{
    pthread_mutex_lock(&all_lock);
    for (struct vmcall_vm **link = &all; *link; link = &(*link)->next) {
        if (*link == vm) {
            *link = vm->next;
            break;
        }
    }
    pthread_mutex_unlock(&all_lock);
}

/* The addresses mean something else from now on. The guest keeps what its slots map. */
void forget_memory(const void *address, size_t size)
{
    if (!all)
        return;
    pthread_mutex_lock(&all_lock);
    for (struct vmcall_vm *vm = all; vm; vm = vm->next) {
        pthread_mutex_lock(&vm->lock);
        vm->has_empty |= forget_pages(&vm->windows, (uint64_t)address, size);
        pthread_mutex_unlock(&vm->lock);
    }
    pthread_mutex_unlock(&all_lock);
}
