#include "smp.h"

#include "cpu.h"
#include "layout.h"
#include "memory.h"
#include "paging.h"
#include "region.h"

#define BLOCK_PAGES (sizeof(struct cpu_block) / PAGE_SIZE)

void smp_count(void)
{
}

u32 smp_pages(u64 ram_end)
{
    return 1 + cpu_count * (BLOCK_PAGES + memory_pool_pages(ram_end));
}

static void guards_set(struct cpu_block *block)
{
    paging_guard(block->guard);
    paging_guard(block->nmi_guard);
    paging_guard(block->mc_guard);
    paging_guard(block->df_guard);
}

static struct cpu *cpu_make(u32 index, u32 pool_pages)
{
    struct cpu_block *block = hv_virt(region_take(BLOCK_PAGES));
    guards_set(block);
    block->cpu.index = index;
    memory_init(&block->cpu, region_take(pool_pages), pool_pages);
    return &block->cpu;
}

void smp_allocate(u64 ram_end)
{
    u32 pool_pages = memory_pool_pages(ram_end);
    cpus = hv_virt(region_take(1));
    for (u32 i = 0; i < cpu_count; i++)
        cpus[i] = cpu_make(i, pool_pages);
}

__attribute__((noreturn)) void cpu_main_ap(struct cpu *cpu);

void cpu_main_ap(struct cpu *cpu)
{
    (void)cpu;
    for (;;)
        ;
}
