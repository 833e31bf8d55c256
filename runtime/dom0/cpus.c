#include "dom0/cpus.h"

#include "core/apic.h"
#include "vmx/events.h"
#include "core/host.h"
#include "boot/bios/low.h"
#include "boot/start.h"
#include "dom0/memory.h"
#include "vmx/nmi.h"
#include "vmx/state.h"
#include "core/paging.h"
#include "core/panic.h"
#include "dom0/apic_watch.h"

#define DR6_AFTER_INIT 0xFFFF0FF0u

static bool is_boot_cpu(const struct cpu *cpu)
{
    return cpu->index == 0;             /* INIT would start it at the firmware's reset vector. SDM: 10.4.2 */
}

/* SDM: table 10-1. EDX has the processor's signature. */
static void state_after_init(struct cpu *cpu)
{
    step_cancel(cpu);
    guest_state_reset(cpu);
    cpu->guest.rdx = host_cpuid(1, 0).eax;
    host_write_cr2(0);
    host_clear_breakpoints();
    host_write_dr6(DR6_AFTER_INIT);
}

static void code_set(u16 selector, u16 ip)
{
    set_guest_cs_selector(selector);
    set_guest_cs_base((u64)selector << 4);
    set_guest_rip(ip);
}

static __attribute__((noreturn)) void enter(struct cpu *cpu)
{
    guest_state_reload(cpu);
    memory_flush(cpu);
    watch_apply(cpu);
    guest_launch(cpu);
}

void cpu_start_disk(struct cpu *cpu)
{
    state_after_init(cpu);
    code_set((u16)(start.low_page >> 4), (u16)(u64)low_boot);
    enter(cpu);
}

/* An INIT that caused an exit has not reset the APIC. SDM: 10.4.4.1, 26.2 */
void cpu_sipi(struct cpu *cpu, u8 vector)
{
    apic_reset(cpu);
    state_after_init(cpu);
    code_set((u16)(vector << 8), 0);
    enter(cpu);
}

/*
 * A start-up IPI may follow within microseconds, and is lost if it finds the processor in root mode: so only the activity state
 * changes now, and the registers are reset when it has come. SDM: 10.4.4.1, 26.2, 27.3.1.5
 */
void cpu_init(struct cpu *cpu)
{
    if (panicking)
        host_halt();
    if (is_boot_cpu(cpu))
        machine_reset("INIT of the boot CPU");
    step_cancel(cpu);
    watch_update(cpu); /* once the watch has ended, the start-up IPI is a real one, and a parked CPU loses it */
    if (cpu->watching) {
        __atomic_store_n(&cpu->start, START_WAITING, __ATOMIC_SEQ_CST);
        cpu_park(cpu);
    }
    cpu->nmi_pending = false;
    nmi_update_controls(cpu);
    guest_wait_for_sipi();
}

/* Wakes at a write of `start`, and at an NMI. SDM: 9.10 */
static void start_wait(const struct cpu *cpu)
{
    if (!(host_cpuid(1, 0).ecx & CPUID_MONITOR)) {
        host_pause();
        return;
    }
    host_monitor(&cpu->start);
    if (!(cpu->start & START_VECTOR) && !panicking)
        host_mwait();
}

/* Returns the start-up IPI's vector. Without dom0 there is nothing else to do here, so the wait has no bound. */
static u8 sipi_wait(struct cpu *cpu)
{
    for (;;) {
        u32 seen = cpu->start;
        if (panicking)
            host_halt();
        if (!(seen & START_VECTOR))
            start_wait(cpu);
        else if (__atomic_compare_exchange_n(&cpu->start, &seen, START_RUNNING, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            return (u8)seen;
    }
}

void cpu_park(struct cpu *cpu)
{
    apic_reset(cpu); /* quiet while it waits, too */
    u8 vector = sipi_wait(cpu);
    cpu->nmi_pending = false; /* a CPU that waits for SIPI drops NMIs */
    paging_flush(); /* the trampoline's page is unmapped by now */
    if (!cpu->started)
        watch_started();
    cpu->started = true;
    cpu_sipi(cpu, vector);
}

/* An NMI makes a running CPU exit. Waiting and absent CPUs stay as they are. */
bool cpu_init_send(struct cpu *target)
{
    if (is_boot_cpu(target))
        machine_reset("INIT of the boot CPU");
    u32 old = target->start;
    do {
        if (old == START_WAITING || old == START_ABSENT)
            return true;
        if (old == START_RUNNING && !watch_keep())
            return false;
    } while (!__atomic_compare_exchange_n(&target->start, &old, START_WAITING, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    if (old == START_RUNNING)
        apic_send(target->apic_id, APIC_SEND(NMI));
    return true;
}

/* Only a waiting CPU accepts it. SDM: 11.4.4.1 */
void cpu_sipi_send(struct cpu *target, u8 vector)
{
    u32 waiting = START_WAITING;
    __atomic_compare_exchange_n(&target->start, &waiting, START_VECTOR | vector, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
