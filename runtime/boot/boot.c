/* From what the front found out to the first instruction of dom0. */
#include "boot/boot.h"

#include "core/cpu.h"
#include "domu/domu.h"
#include "domu/pool.h"
#include "generated/vmx/dom0.h"
#include "core/host.h"
#include "core/layout.h"
#include "boot/bios/int15.h"
#include "boot/bios/linux.h"
#include "boot/bios/low.h"
#include "dom0/memory.h"
#include "core/paging.h"
#include "boot/region.h"
#include "boot/smp.h"
#include "boot/start.h"
#include "core/string.h"
#include "core/traps.h"
#include "dom0/cpus.h"
#include "vmx/vmx.h"

extern char boot_stack_top[];

_Static_assert(SIZES_MAX == POOLS_MAX, "an option's sizes are the pools");

static __attribute__((noreturn)) void boot_final(u64 ram_end);

/* Page tables map the region too: a larger region needs more of them. */
static u64 bytes_needed(u64 ram_end)
{
    u64 pages = smp_pages(ram_end) + pools_pages() + 1, bytes = (u64)image_size + pages * PAGE_SIZE, size = PAGE_2M;
    while (bytes + paging_pages(ram_end, size) * PAGE_SIZE > size)
        size += PAGE_2M;
    return size;
}

/* Memory that dom0's rules hide, or alias to other memory, is none that its memory map may offer. */
static void reserve_hidden(void)
{
    for (u32 i = 0; i < DOM0_MEMORY_RULES; i++) {
        const struct memory_rule *rule = &dom0_memory[i];
        const struct region *place = &region_places[rule->region];
        if (rule->what == MEMORY_HIDE || rule->what == MEMORY_ALIAS)
            region_reserve(place->lo, place->hi, RANGE_RESERVED);
    }
}

void boot(void)
{
    cpu_count = start.cpu_count;
    u64 ram_end = region_ram_end();
    pools_size(start.options.pools.superpages, start.options.pools.count);
    reserve_hidden();
    region_choose(bytes_needed(ram_end));
    pools_place();
    u64 tables = region_skip(paging_pages(ram_end, hv_size));
    paging_build(tables, ram_end);
    memcpy(phys(hv_base), phys((u64)image_start), (u64)image_size);     /* last: it has the variables */
    switch_page_tables(tables, boot_stack_top, boot_final, ram_end);
}

/* What dom0's first CPU finds when it begins in real mode: a BIOS that hides the hypervisor's memory, and something to start. */
static void prepare_real_mode(void)
{
    int15_install();
    low_set_disk(&start.options.disk);
    if (start.program == FIRST_LINUX)
        linux_load();
}

static __attribute__((noreturn)) void start_first(struct cpu *cpu)
{
    switch (start.state) {
    case FIRST_REAL_MODE: prepare_real_mode();
    }
    guest_mode_start(cpu);
    cpu_start_disk(cpu);
}

void boot_final(u64 ram_end)
{
    direct_map = DM_VA;
    traps_init();
    ones_page = region_take(1);
    memset(hv_virt(ones_page), 0xFF, PAGE_SIZE);
    smp_allocate(ram_end);
    cpu_setup(cpus[0]);
    if (!guest_mode_init())
        host_halt();
    dom0_features_init();
    if (pool_count)
        domains_init();
    low_install();
    smp_start(start.options.apic_watch);
    start_first(cpus[0]);
}
