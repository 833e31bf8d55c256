#include "dom0/memory.h"

#include "core/cpu.h"
#include "generated/vmx/dom0.h"
#include "vmx/state.h"
#include "core/host.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/string.h"
#include "dom0/apic_watch.h"
#include "vmx/events.h"

/* Tables besides those of plain RAM: the root, directories of mixed GiBs, page tables of mixed 2 MiB. */
#define POOL_PAGES 24
/* A region of the spec's own splits a directory and a page table at each of its ends. */
#define REGION_PAGES (4 * REGION_COUNT)

u64 ones_page;

u32 memory_pool_pages(u64 ram_end)
{
    return POOL_PAGES + REGION_PAGES + (nested_has_1g() ? 0 : (u32)(round_up(ram_end, PAGE_1G) / PAGE_1G));
}

u64 *nested_table(u64 physical)
{
    return hv_virt(physical);
}

void memory_init(struct cpu *cpu, u64 pool, u32 pages)
{
    struct memory_map *map = &cpu->map;
    map->rules = dom0_memory;
    map->rule_count = DOM0_MEMORY_RULES;
    memcpy(map->regions, region_places, sizeof(map->regions));
    map->regions[REGION_HYPERVISOR] = (struct region){hv_base, hv_base + hv_size};
    map->ones_page = ones_page;
    map->page_1g = nested_has_1g();
    cpu->nested = (struct nested_tables){.pool = pool, .pages = pages};
    cpu->nested_pointer = nested_pointer(pool, false);
    nested_reset(&cpu->nested);
}

void memory_flush(struct cpu *cpu)
{
    nested_flush(cpu->nested_pointer);
}

void memory_reset(struct cpu *cpu)
{
    nested_reset(&cpu->nested);
    memory_flush(cpu);
}

void memory_fill(struct cpu *cpu, u64 gpa)
{
    if (nested_fill(&cpu->nested, &cpu->map, gpa))
        return;
    memory_reset(cpu);
    if (!nested_fill(&cpu->nested, &cpu->map, gpa))
        panic(cpu, "dom0 uses a physical address that its tables cannot map");
}

/* The log has the 1st, 2nd, 4th ... */
static void access_log(const char *text, u32 count, u64 gpa)
{
    if (!(count & (count - 1)))
        log_line(text, gpa, 0);
}

/* Of hidden memory, the first read of each 2 MiB, which fills the tables, and every write. */
static void hidden_access_log(struct cpu *cpu, u64 gpa, bool write)
{
    if (write)
        access_log("luvalley: dom0 writes hidden memory at %", cpu->hidden_writes + 1, gpa);
    else
        access_log("luvalley: dom0 reads hidden memory at %", ++cpu->hidden_reads, gpa);
}

/* A write without the right to write: what is watched lets it through, and all else drops it. */
static void write_denied(struct cpu *cpu, const struct nested_range *range, u64 gpa)
{
    switch (range->what) {
    case MEMORY_WATCH:
        access_log("luvalley: dom0 writes watched memory at %", ++cpu->watched_writes, gpa);
        step_begin(cpu, gpa, STEP_THROUGH);
        return;
    case MEMORY_HIDE: hidden_access_log(cpu, gpa, true); break;
    default: access_log("luvalley: dom0 writes read-only memory at %", cpu->hidden_writes + 1, gpa);
    }
    step_begin(cpu, gpa, STEP_DROP);
}

/* It would run again for ever. */
static void fetch_denied(struct cpu *cpu, u64 gpa)
{
    access_log("luvalley: dom0 executes memory without the right to, at %", ++cpu->denied_fetches, gpa);
    guest_inject_error(cpu, VECTOR_GP, 0);
}

void handle_nested_page_fault(struct cpu *cpu, u64 gpa, bool write)
{
    watch_update(cpu);
    if (write && watch_covers(cpu, gpa)) {
        step_begin(cpu, gpa, STEP_APIC);
        return;
    }
    struct nested_range range = nested_range(&cpu->map, gpa);
    memory_fill(cpu, gpa);
    if (write && !(range.rights & NESTED_WRITE))
        write_denied(cpu, &range, gpa);
    else if (range.what == MEMORY_HIDE)
        hidden_access_log(cpu, gpa, write);
    else if (!(range.rights & NESTED_EXECUTE) && exit_is_fetch())
        fetch_denied(cpu, gpa);
}

void mtrr_changed(struct cpu *cpu)
{
    if (!(host_rdmsr(IA32_MTRR_DEF_TYPE) & MTRR_DEF_TYPE_ENABLE))
        return;
    mtrr_read(&cpu->map.mtrrs);
    memory_reset(cpu);
}

void memory_a20(struct cpu *cpu, bool on)
{
    struct region window = {A20_WINDOW_BASE, A20_WINDOW_BASE + A20_WINDOW_SIZE};
    cpu->map.regions[REGION_A20_WINDOW] = on ? (struct region){0, 0} : window;
    memory_reset(cpu);
}
