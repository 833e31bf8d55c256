/* Hypercalls of dom0's programs that ask about the hypervisor. */
#include "core/cpu.h"
#include "domu/switch.h"
#include "domu/pool.h"
#include "generated/x86/externs.h"
#include "generated/abi/luvalley_abi.h"
#include "generated/x86/x86.h"
#include "core/log.h"
#include "boot/smp.h"

static struct answer answer(u64 value)
{
    return (struct answer){.value = value};
}

/* A counter of struct cpu, summed over all CPUs. */
#define SUM(counter)                        \
    ({                                      \
        u64 sum = 0;                        \
        for (u32 i = 0; i < cpu_count; i++) \
            sum += cpus[i]->counter;        \
        sum;                                \
    })

/* From 16 on: how many pools, then four numbers of each. */
static struct answer pool_info(u32 which)
{
    if (which == 16)
        return answer(pool_count);
    u32 number = (which - 17) / 4;
    if (which < 17 || number >= pool_count)
        return (struct answer){.error = EINVAL};
    const struct pool *pool = &pools[index_nospec(number, pool_count)];
    switch ((which - 17) % 4) {
    case 0: return answer(pool->base);
    case 1: return answer(pool->superpages * SUPERPAGE_SIZE);
    case 2: return answer(pool->free);
    default: return answer(pool->superpages);
    }
}

struct answer info_read(struct cpu *cpu, u32 which)
{
    (void)cpu;
    switch (which) {
    case 0: return answer(ABI_VERSION);
    case 1: return answer(smp_started());
    case 2: return answer(hv_base);
    case 3: return answer(hv_size);
    case 4: return answer(EXIT_COUNT);
    case 5: return answer(SUM(hidden_reads));
    case 6: return answer(SUM(hidden_writes));
    case 8: return answer(DOMAINS_MAX);
    case 9: return answer(DOMAIN_VCPUS_MAX);
    case 10: return answer(domu_features);
    case 11: return answer(domu_xsave_size());
    case 12: return answer(domu_tsc_khz());
    default: return pool_info(which);
    }
}

struct answer exit_count_read(struct cpu *cpu, u32 index, u32 reason)
{
    (void)cpu;
    if (index >= cpu_count || reason >= EXIT_COUNT)
        return (struct answer){.error = EINVAL};
    return answer(cpus[index_nospec(index, cpu_count)]->exit_counts[index_nospec(reason, EXIT_COUNT)]);
}

struct answer log_read_bytes(struct cpu *cpu, u64 offset)
{
    (void)cpu;
    u64 bytes = 0;
    for (u32 i = 0; i < 8 && offset < log_end(); i++)
        bytes |= (u64)log_byte(offset + i) << 8 * i;
    return answer(bytes);
}
