#include "boot/smp.h"

#include "boot/start.h"
#include "core/apic.h"
#include "core/cpu.h"
#include "core/host.h"
#include "core/layout.h"
#include "core/log.h"
#include "boot/bios/low.h"
#include "dom0/memory.h"
#include "core/paging.h"
#include "boot/region.h"
#include "dom0/cpus.h"
#include "vmx/vmx.h"
#include "dom0/apic_watch.h"

#define BLOCK_PAGES (sizeof(struct cpu_block) / PAGE_SIZE)

/*
 * In TSC cycles of a 5 GHz processor: the waits after INIT, after the first start-up IPI, and until a CPU counts as absent.
 * Processors with unrestricted guests do not need the 10 ms after INIT of SDM 10.4.4.1.
 */
#define CYCLES_INIT 1000000ull          /* 200 us */
#define CYCLES_FIRST 1000000ull
#define CYCLES_LAST 1000000000ull       /* 200 ms */

/* ap_entry in switch.asm runs on the stack of the CPU in ap_stack. */
extern char ap_entry[];
extern struct cpu *ap_stack;

__attribute__((noreturn)) void cpu_main_ap(struct cpu *cpu);

u32 smp_pages(u64 ram_end)
{
    return 1 + cpu_count * (BLOCK_PAGES + memory_pool_pages(ram_end));
}

static void set_guards(struct cpu_block *block)
{
    paging_guard(block->guard);
    paging_guard(block->nmi_guard);
    paging_guard(block->mc_guard);
    paging_guard(block->df_guard);
}

static struct cpu *make_cpu(u32 index, u32 pool_pages)
{
    struct cpu_block *block = hv_virt(region_take(BLOCK_PAGES));
    set_guards(block);
    block->cpu.index = index;
    block->cpu.apic_id = start.apic_ids[index];
    block->cpu.start = index ? START_ABSENT : START_RUNNING;
    memory_init(&block->cpu, region_take(pool_pages), pool_pages);
    return &block->cpu;
}

void smp_allocate(u64 ram_end)
{
    u32 pool_pages = memory_pool_pages(ram_end);
    cpus = hv_virt(region_take(1));
    for (u32 i = 0; i < cpu_count; i++)
        cpus[i] = make_cpu(i, pool_pages);
}

void cpu_main_ap(struct cpu *cpu)
{
    cpu_setup(cpu);
    guest_mode_start(cpu);
    __atomic_store_n(&cpu->start, START_WAITING, __ATOMIC_SEQ_CST);
    cpu_park(cpu);
}

static bool is_absent(const struct cpu *cpu)
{
    return cpu->start == START_ABSENT;
}

/* Waits at most `cycles` until the CPU has started; returns whether it has. */
static bool wait_started(const struct cpu *cpu, u64 cycles)
{
    u64 begin = host_rdtsc();
    while (is_absent(cpu) && host_rdtsc() - begin < cycles)
        host_pause();
    return !is_absent(cpu);
}

/*
 * INIT returns it to the state where only a start-up IPI starts it, and nobody will send one. A CPU that has taken its stack
 * may still arrive later: all that it needs stays in place, and dom0's start-up IPI will start it.
 */
static void give_up(struct cpu *cpu)
{
    if (__atomic_exchange_n(&ap_stack, 0, __ATOMIC_SEQ_CST)) {
        apic_send(cpu->apic_id, APIC_SEND(INIT));
        wait_started(cpu, CYCLES_INIT);
    }
    log_line("luvalley: the CPU with APIC id % did not start; dom0 cannot start it either", cpu->apic_id, 0);
}

/* SDM: 10.4.4.1. A CPU that has started waits in root mode, where a second start-up IPI is ignored. */
static void start_cpu(struct cpu *cpu)
{
    u32 start_up = APIC_SEND(STARTUP) | (u32)(start.low_page / PAGE_SIZE);
    __atomic_store_n(&ap_stack, cpu, __ATOMIC_SEQ_CST);
    apic_send(cpu->apic_id, APIC_SEND(INIT));
    wait_started(cpu, CYCLES_INIT);
    apic_send(cpu->apic_id, start_up);
    if (wait_started(cpu, CYCLES_FIRST))
        return;
    apic_send(cpu->apic_id, start_up);
    if (!wait_started(cpu, CYCLES_LAST))
        give_up(cpu);
}

void smp_start(bool watch_always)
{
    watch_begin(cpu_count - 1 + start.cpus_left_out, watch_always);
    if (cpu_count == 1)
        return;
    paging_identity(start.low_page);
    low_set_entry(host_read_cr3(), ap_entry);
    for (u32 i = 1; i < cpu_count; i++)
        start_cpu(cpus[i]);
    paging_identity_end();
}

u32 smp_started(void)
{
    u32 count = 0;
    for (u32 i = 0; i < cpu_count; i++)
        count += !is_absent(cpus[i]);
    return count;
}
