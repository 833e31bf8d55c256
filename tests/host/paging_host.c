/* paging.c on the host: physical memory is an array, and CPUID returns what the test sets. */
#define host_cpuid processor_cpuid
#include "core/host.h"
#undef host_cpuid
#include "core/layout.h"

#define POOL_PAGES 1024
#define text_end ((char *)HV_VA + 6 * PAGE_SIZE)
#define rodata_end ((char *)HV_VA + 9 * PAGE_SIZE)

static bool page_1g;

static struct regs4 host_cpuid(u32 leaf, u32 subleaf)
{
    (void)leaf;
    (void)subleaf;
    return (struct regs4){.edx = page_1g ? 1u << 26 : 0};
}

#include "runtime/core/paging.c"

u64 hv_base, hv_size, direct_map;
u64 host_tables[POOL_PAGES][ENTRIES];

/* Build the tables; returns the number of pages requested, `used` is the number allocated. */
u32 host_build(bool with_1g, u64 base, u64 size, u64 ram_end, u32 *used)
{
    page_1g = with_1g;
    hv_base = base;
    hv_size = size;
    direct_map = (u64)host_tables - base;
    for (u64 i = 0; i < POOL_PAGES * ENTRIES; i++)
        host_tables[i / ENTRIES][i % ENTRIES] = ~0ull;      /* so that an uncleared page is found */
    paging_build(base, ram_end);
    *used = (u32)((next_table - base) / PAGE_SIZE);
    return paging_pages(ram_end, size);
}
