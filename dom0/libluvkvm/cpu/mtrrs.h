/* The memory type range registers: what a processor refuses to hold in them. There are no caches, so nothing follows from them.
 * SDM: 12.11 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct vcpu;

#define MTRR_CAPABILITIES 0x508ull /* 8 ranges, fixed ones, write combining */

/* Of other registers: yes. False: #GP. */
bool may_write_mtrr(struct vcpu *vcpu, uint32_t index, uint64_t value);
