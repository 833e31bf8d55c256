/*
 * The token: 128 bits that root sets, and that it shows to those who may run guests. Until then, and after root has removed it, no
 * domain can be made, and nothing is answered but root's own calls.
 */
#include "core/lock.h"
#include "domu/domu.h"
#include "generated/x86/externs.h"

static struct lock lock;                /* for those who set it */
static u64 token[2];                    /* a half that is 0: there is none */

bool knows_token(const struct cpu *cpu)
{
    u64 low = __atomic_load_n(&token[0], __ATOMIC_ACQUIRE), high = __atomic_load_n(&token[1], __ATOMIC_ACQUIRE);
    return low && high && !((cpu->guest.r8 ^ low) | (cpu->guest.r9 ^ high));
}

/* Closed first: no CPU ever sees one half of an old token with one half of a new one. */
struct answer token_set(struct cpu *cpu, u64 low, u64 high)
{
    (void)cpu;
    if (!low != !high)
        return (struct answer){.error = EINVAL};
    lock_acquire(&lock);
    __atomic_store_n(&token[0], 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&token[1], high, __ATOMIC_SEQ_CST);
    __atomic_store_n(&token[0], low, __ATOMIC_SEQ_CST);
    lock_release(&lock);
    return (struct answer){0};
}
