#include "dom0/apic_watch.h"

#include "core/apic.h"
#include "core/cpu.h"
#include "generated/vmx/dom0.h"
#include "generated/x86/externs.h"
#include "core/host.h"
#include "core/string.h"
#include "dom0/memory.h"
#include "vmx/msr_bitmap.h"
#include "vmx/nmi.h"

#define XAPIC_DESTINATION_SHIFT 24

/* Only STARTING ever changes, so ENDED and ALWAYS are final. */
enum { ENDED, STARTING, ALWAYS };
static u32 watch = ENDED;
static u32 unstarted;

/* dom0's bitmap for CPUs that are not watched: the interrupt command register of x2APIC mode is passed. */
static u8 unwatched_bitmap[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

static bool change(u32 from, u32 to)
{
    return __atomic_compare_exchange_n(&watch, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static bool is_on(void)
{
    return __atomic_load_n(&watch, __ATOMIC_SEQ_CST) != ENDED;
}

void watch_begin(u32 to_start, bool always)
{
    unstarted = to_start;
    watch = !to_start ? ENDED : always ? ALWAYS : STARTING;
    memcpy(unwatched_bitmap, dom0_msr_bitmap, PAGE_SIZE);
    msr_write_pass(unwatched_bitmap, IA32_X2APIC_ICR);
}

void watch_started(void)
{
    if (!__atomic_sub_fetch(&unstarted, 1, __ATOMIC_SEQ_CST))
        change(STARTING, ENDED);
}

bool watch_keep(void)
{
    change(STARTING, ALWAYS);
    return is_on();
}

void watch_apply(struct cpu *cpu)
{
    struct region *region = &cpu->map.regions[REGION_LOCAL_APIC], old = *region;
    u64 page = apic_page();
    bool by_page = (host_rdmsr(IA32_APIC_BASE) & (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) == APIC_BASE_ENABLE;
    cpu->watching = is_on();
    set_msr_bitmap(cpu->watching ? dom0_msr_bitmap : unwatched_bitmap);
    *region = cpu->watching && by_page ? (struct region){page, page + PAGE_SIZE} : (struct region){0, 0};
    if (region->lo != old.lo)
        memory_reset(cpu);
    nmi_update_controls(cpu);
}

/* Not while a step has replaced a page: its write is still to come. */
void watch_update(struct cpu *cpu)
{
    if (cpu->watching && !cpu->step.pages && !is_on())
        watch_apply(cpu);
}

bool watch_covers(const struct cpu *cpu, u64 gpa)
{
    const struct region *region = &cpu->map.regions[REGION_LOCAL_APIC];
    return gpa >= region->lo && gpa < region->hi;
}

void watch_apic_write(struct cpu *cpu, u32 offset, u32 value)
{
    u32 destination = apic_read(APIC_ICR_HIGH) >> XAPIC_DESTINATION_SHIFT;
    if (offset == APIC_ICR_LOW && is_on() && ipi_emulate(cpu, destination, value))
        return;
    if (offset == APIC_LDR)
        cpu->logical_id = value;
    else if (offset == APIC_DFR)
        cpu->logical_format = value;
    apic_write(offset, value);
}

bool apic_icr_write(struct cpu *cpu, u64 value)
{
    if (!apic_is_x2())
        return false;
    if (is_on() && ipi_emulate(cpu, (u32)(value >> 32), (u32)value))
        return true;
    watch_update(cpu);                  /* from now on without an exit, if the watch has ended */
    return host_wrmsr_try(IA32_X2APIC_ICR, value);
}

bool apic_base_write(struct cpu *cpu, u64 value)
{
    u64 moved = (value ^ host_rdmsr(IA32_APIC_BASE)) & APIC_BASE_FRAME_MASK;
    if (moved || !host_wrmsr_try(IA32_APIC_BASE, value))
        return false;
    watch_apply(cpu);
    return true;
}
