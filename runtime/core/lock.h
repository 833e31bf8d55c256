/* A ticket lock, which is fair. Held for bounded work only, and never acquired by a trap handler. */
#pragma once

#include "core/host.h"
#include "core/panic.h"
#include "core/types.h"

struct lock {
    volatile u32 next, serving;
};

/* A CPU that panics releases nothing. */
static inline void lock_acquire(struct lock *lock)
{
    u32 mine = __atomic_fetch_add(&lock->next, 1, __ATOMIC_ACQ_REL);
    while (__atomic_load_n(&lock->serving, __ATOMIC_ACQUIRE) != mine) {
        if (panicking)
            host_halt();
        host_pause();
    }
}

/* False: it is held. For a CPU that holds another lock. */
static inline bool lock_try(struct lock *lock)
{
    u32 now = __atomic_load_n(&lock->serving, __ATOMIC_ACQUIRE);
    return __atomic_compare_exchange_n(&lock->next, &now, now + 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static inline void lock_release(struct lock *lock)
{
    __atomic_store_n(&lock->serving, lock->serving + 1, __ATOMIC_RELEASE);
}
