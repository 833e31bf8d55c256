#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "api/events.h"
#include "api/vcpu.h"

#ifndef PAGE_SIZE
#define PAGE_SIZE PAGE /* linux/kvm.h counts the ring's entries by it */
#endif

/* --- ioeventfd --- */

static bool is_same(const struct kvm_ioeventfd *one, const struct kvm_ioeventfd *other)
{
    return one->addr == other->addr && one->len == other->len && one->fd == other->fd &&
        !((one->flags ^ other->flags) & (KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH)) &&
        (!(one->flags & KVM_IOEVENTFD_FLAG_DATAMATCH) || one->datamatch == other->datamatch);
}

static long remove_ioeventfd(struct vm *vm, const struct kvm_ioeventfd *request)
{
    for (uint32_t i = 0; i < vm->ioeventfd_count; i++) {
        if (!is_same(&vm->ioeventfds[i].request, request))
            continue;
        close(vm->ioeventfds[i].event);
        vm->ioeventfds[i] = vm->ioeventfds[--vm->ioeventfd_count];
        return 0;
    }
    return -ENOENT;
}

static long add_ioeventfd(struct vm *vm, const struct kvm_ioeventfd *request)
{
    int event;

    for (uint32_t i = 0; i < vm->ioeventfd_count; i++)
        if (is_same(&vm->ioeventfds[i].request, request))
            return -EEXIST;
    if (vm->ioeventfd_count == MAX_IOEVENTFDS)
        return -ENOSPC;
    event = fcntl(request->fd, F_DUPFD_CLOEXEC, 0);
    if (event < 0)
        return -errno;
    vm->ioeventfds[vm->ioeventfd_count++] = (struct ioeventfd){*request, event};
    return 0;
}

static bool is_length(uint32_t length)
{
    return length == 0 || length == 1 || length == 2 || length == 4 || length == 8;
}

long set_ioeventfd(struct vm *vm, const struct kvm_ioeventfd *request)
{
    long result;

    if (!is_length(request->len) || request->addr + request->len < request->addr || request->flags & ~7u ||
        (!request->len && request->flags & KVM_IOEVENTFD_FLAG_DATAMATCH))
        return -EINVAL;
    pthread_rwlock_wrlock(&vm->lock);
    result = (request->flags & KVM_IOEVENTFD_FLAG_DEASSIGN ? remove_ioeventfd : add_ioeventfd)(vm, request);
    pthread_rwlock_unlock(&vm->lock);
    return result;
}

static bool matches(const struct kvm_ioeventfd *event, const struct access *access)
{
    uint64_t value = 0;

    if (event->addr != access->address || !(event->flags & KVM_IOEVENTFD_FLAG_PIO) != access->memory)
        return false;
    if (event->len && event->len != access->size)
        return false;
    memcpy(&value, access->data, access->size > 8 ? 8 : access->size);
    return !(event->flags & KVM_IOEVENTFD_FLAG_DATAMATCH) || event->datamatch == value;
}

static noinline bool signal_listed(struct vm *vm, const struct access *access)
{
    const uint64_t one = 1;
    bool found = false;

    pthread_rwlock_rdlock(&vm->lock);
    for (uint32_t i = 0; i < vm->ioeventfd_count && !found; i++) {
        found = matches(&vm->ioeventfds[i].request, access);
        if (found && write(vm->ioeventfds[i].event, &one, sizeof one) < 0)
            found = false; /* a full counter: let the VMM do it */
    }
    pthread_rwlock_unlock(&vm->lock);
    return found;
}

bool signal_ioeventfd(struct vm *vm, const struct access *access)
{
    return access->write && access->count == 1 && vm->ioeventfd_count && signal_listed(vm, access);
}

/* --- Coalesced writes: a ring that the VMM reads before it looks at the device. It maps the first processor's. --- */

static bool is_inside(const struct kvm_coalesced_mmio_zone *zone, const struct access *access)
{
    return !zone->pio && access->address >= zone->addr && access->address + access->size <= zone->addr + zone->size;
}

long set_zone(struct vm *vm, const struct kvm_coalesced_mmio_zone *zone, bool add)
{
    long result = 0;

    if (zone->pio)
        return -EINVAL;
    pthread_rwlock_wrlock(&vm->lock);
    if (add && vm->zone_count < MAX_ZONES)
        vm->zones[vm->zone_count++] = *zone;
    else if (add)
        result = -ENOSPC;
    else
        for (uint32_t i = vm->zone_count; i--;)
            if (vm->zones[i].addr >= zone->addr && vm->zones[i].addr + vm->zones[i].size <= zone->addr + zone->size)
                vm->zones[i] = vm->zones[--vm->zone_count];
    pthread_rwlock_unlock(&vm->lock);
    return result;
}

static bool put_in_ring(struct kvm_coalesced_mmio_ring *ring, const struct access *access)
{
    uint32_t last = *(volatile uint32_t *)&ring->last, next = (last + 1) % KVM_COALESCED_MMIO_MAX;
    struct kvm_coalesced_mmio *entry;

    if (last >= KVM_COALESCED_MMIO_MAX || next == *(volatile uint32_t *)&ring->first)
        return false;
    entry = &ring->coalesced_mmio[last];
    entry->phys_addr = access->address;
    entry->len = access->size;
    memcpy(entry->data, access->data, access->size);
    entry->pio = 0;
    __atomic_store_n(&ring->last, next, __ATOMIC_RELEASE);
    return true;
}

static noinline bool coalesce_zoned(struct vm *vm, const struct access *access)
{
    bool found = false;

    pthread_rwlock_wrlock(&vm->lock);
    for (uint32_t i = 0; i < vm->zone_count && !found; i++)
        found = is_inside(&vm->zones[i], access);
    found = found && put_in_ring(vm->vcpus[0]->ring, access);
    pthread_rwlock_unlock(&vm->lock);
    return found;
}

bool coalesce_write(struct vcpu *vcpu, const struct access *access)
{
    return access->memory && access->write && access->size <= 8 && vcpu->vm->zone_count && coalesce_zoned(vcpu->vm, access);
}
