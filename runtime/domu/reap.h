/* Domains whose owner has died: found when something runs short. */
#pragma once

#include "domu/domu.h"

/*
 * Ends some of those of a pool. EAGAIN: there may be more to gain, come again; ENOMEM: there is none. `held` is the domain
 * whose lock the caller has, or 0.
 */
u32 reap(struct cpu *cpu, u32 pool, const struct domain *held);
