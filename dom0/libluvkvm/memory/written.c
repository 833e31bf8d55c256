#include "memory/written.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/vcpu.h"
#include "api/vm.h"

#define WORD_PAGES 64

static size_t count_words(const struct slot *slot)
{
    return (slot->size / PAGE + WORD_PAGES - 1) / WORD_PAGES;
}

int start_log(struct vm *vm, struct slot *slot)
{
    if (slot->written)
        return 0;
    slot->written = calloc(count_words(slot), sizeof *slot->written);
    if (!slot->written)
        return -ENOMEM;
    vm->logged++;
    return 0;
}

void end_log(struct vm *vm, struct slot *slot)
{
    if (!slot->written)
        return;
    free(slot->written);
    slot->written = NULL;
    vm->logged--;
}

static void note_in_slot(const struct slot *slot, uint64_t guest, size_t size)
{
    uint64_t from = guest > slot->guest ? guest - slot->guest : 0;
    uint64_t end = guest + size - slot->guest;

    for (uint64_t page = from / PAGE; page * PAGE < end && page * PAGE < slot->size; page++)
        __atomic_fetch_or(&slot->written[page / WORD_PAGES], 1ull << page % WORD_PAGES, __ATOMIC_RELAXED);
}

void note_written(struct vm *vm, uint64_t guest, size_t size)
{
    if (!vm->logged)
        return;
    pthread_rwlock_rdlock(&vm->lock);
    for (uint32_t i = 0; i < vm->slot_end; i++) {
        const struct slot *slot = &vm->slots[i];

        if (slot->written && guest < slot->guest + slot->size && slot->guest < guest + size)
            note_in_slot(slot, guest, size);
    }
    pthread_rwlock_unlock(&vm->lock);
}

/* What the backend knows of the guest's writes, and ours. A backend that does not know says ENOSYS: then it may be every page. */
static long read_log(struct vm *vm, struct slot *slot, struct kvm_dirty_log *log)
{
    size_t words = count_words(slot);
    uint64_t *bits = log->dirty_bitmap;
    long result = vm->backend->get_dirty(vm, log);

    if (result && result != -ENOSYS)
        return result;
    if (result)
        memset(bits, 0xFF, words * sizeof *bits);
    for (size_t i = 0; i < words; i++)
        bits[i] |= __atomic_exchange_n(&slot->written[i], 0, __ATOMIC_RELAXED);
    return 0;
}

long get_dirty_log(struct vm *vm, struct kvm_dirty_log *log)
{
    long result = -ENOENT;

    if (log->slot >= MAX_SLOTS)
        return -EINVAL;
    pthread_rwlock_rdlock(&vm->lock);
    if (vm->slots[log->slot].written)
        result = read_log(vm, &vm->slots[log->slot], log);
    pthread_rwlock_unlock(&vm->lock);
    return result;
}
