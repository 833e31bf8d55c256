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

static struct answer pool_info(u32 which)
{
    u32 number = (which - LUV_INFO_POOL_BASE) / LUV_INFO_PER_POOL;
    if (which < LUV_INFO_POOL_BASE || number >= pool_count)
        return (struct answer){.error = EINVAL};
    const struct pool *pool = &pools[index_nospec(number, pool_count)];
    switch (which - number * LUV_INFO_PER_POOL) {
    case LUV_INFO_POOL_BASE: return answer(pool->base);
    case LUV_INFO_POOL_SIZE: return answer(pool->superpages * SUPERPAGE_SIZE);
    case LUV_INFO_POOL_FREE: return answer(pool->free);
    default: return answer(pool->superpages);   /* LUV_INFO_POOL_SUPERPAGES */
    }
}

struct answer info(struct cpu *cpu, u32 which)
{
    (void)cpu;
    switch (which) {
    case LUV_INFO_VERSION: return answer(ABI_VERSION);
    case LUV_INFO_CPUS: return answer(smp_started());
    case LUV_INFO_HIDDEN_BASE: return answer(hv_base);
    case LUV_INFO_HIDDEN_SIZE: return answer(hv_size);
    case LUV_INFO_EXIT_REASONS: return answer(EXIT_COUNT);
    case LUV_INFO_HIDDEN_READS: return answer(SUM(hidden_reads));
    case LUV_INFO_HIDDEN_WRITES: return answer(SUM(hidden_writes));
    case LUV_INFO_DOMAINS: return answer(DOMAINS_MAX);
    case LUV_INFO_DOMAIN_VCPUS: return answer(DOMAIN_VCPUS_MAX);
    case LUV_INFO_XCR0: return answer(domu_features);
    case LUV_INFO_XSAVE_SIZE: return answer(domu_xsave_size());
    case LUV_INFO_TSC_KHZ: return answer(domu_tsc_khz());
    case LUV_INFO_LOG_BEGIN: return answer(log_begin());
    case LUV_INFO_POOLS: return answer(pool_count);
    default: return pool_info(which);
    }
}

struct answer exit_count(struct cpu *cpu, u32 index, u32 reason)
{
    (void)cpu;
    if (index >= cpu_count || reason >= EXIT_COUNT)
        return (struct answer){.error = EINVAL};
    return answer(cpus[index_nospec(index, cpu_count)]->exit_counts[index_nospec(reason, EXIT_COUNT)]);
}
