#include "dom0/cpus.h"

#include "core/apic.h"
#include "generated/controls.h"
#include "generated/dom0.h"
#include "vmx/events.h"
#include "core/host.h"
#include "boot/bios/low.h"
#include "boot/start.h"
#include "dom0/memory.h"
#include "vmx/nmi.h"
#include "core/paging.h"
#include "core/panic.h"
#include "dom0/apic_watch.h"

#define ACTIVITY_WAIT_FOR_SIPI 3        /* SDM: 25.4.2 */
#define CPUID_MONITOR (1u << 3)         /* leaf 1, ECX. SDM: 3.3, CPUID */
#define DR6_AFTER_INIT 0xFFFF0FF0u

__attribute__((noreturn)) void guest_launch(struct cpu *cpu);

static bool is_boot_cpu(const struct cpu *cpu)
{
    return cpu->index == 0;             /* INIT would start it at the firmware's reset vector. SDM: 10.4.2 */
}

/* Bits that VMX operation wants in CR0 and CR4, but for what unrestricted guests may clear. SDM: A.7, A.8 */
static void fixed_bits_add(void)
{
    u64 cr0 = host_rdmsr(IA32_VMX_CR0_FIXED0) & ~(u64)(CR0_PE | CR0_PG);
    vmwrite(VMCS_GUEST_CR0, vmread(VMCS_GUEST_CR0) | cr0);
    vmwrite(VMCS_GUEST_CR4, vmread(VMCS_GUEST_CR4) | host_rdmsr(IA32_VMX_CR4_FIXED0));
}

/* SDM: table 10-1. EDX tells the processor's signature. */
static void state_after_init(struct cpu *cpu)
{
    step_cancel(cpu);
    dom0_reset_state(cpu);
    cpu->guest.rdx = host_cpuid(1, 0).eax;
    vmwrite(VMCS_VM_ENTRY_CONTROLS, controls_word(VMCS_VM_ENTRY_CONTROLS));
    fixed_bits_add();
    vmwrite(VMCS_VM_ENTRY_INTERRUPTION_INFO, 0);
    host_write_cr2(0);
    host_clear_breakpoints();
    host_write_dr6(DR6_AFTER_INIT);
}

static void code_set(u16 selector, u16 ip)
{
    vmwrite(VMCS_GUEST_CS_SELECTOR, selector);
    vmwrite(VMCS_GUEST_CS_BASE, (u64)selector << 4);
    vmwrite(VMCS_GUEST_RIP, ip);
}

/* The VMCS is made clear, so that there is one way in, and nothing cached of an earlier life is used. */
static __attribute__((noreturn)) void enter(struct cpu *cpu)
{
    u64 vmcs = hv_phys(cpu_block(cpu)->vmcs);
    cpu->vmx_on = false;
    vmclear(vmcs);
    vmptrld(vmcs);
    cpu->vmx_on = true;
    if (controls_word(VMCS_SECONDARY_CONTROLS) & SECONDARY_ENABLE_VPID)
        invvpid_single((u16)vmread(VMCS_VPID));
    memory_flush(cpu);
    watch_apply(cpu);
    guest_launch(cpu);
}

void vcpu_start_disk(struct cpu *cpu)
{
    state_after_init(cpu);
    code_set((u16)(start.low_page >> 4), (u16)(u64)low_boot);
    enter(cpu);
}

/* The INIT that led here has left the APIC as it was, if it was an exit. SDM: 10.4.4.1, 26.2 */
void vcpu_sipi(struct cpu *cpu, u8 vector)
{
    apic_reset(cpu);
    state_after_init(cpu);
    code_set((u16)(vector << 8), 0);
    enter(cpu);
}

/*
 * A start-up IPI may follow within microseconds, and one that finds the processor in root mode is lost: so nothing
 * more than the activity state now, and the registers when it has come. SDM: 10.4.4.1, 26.2, 27.3.1.5
 */
void vcpu_init(struct cpu *cpu)
{
    if (machine_stopping)
        host_halt();
    if (is_boot_cpu(cpu))
        machine_reset("INIT of the boot CPU");
    step_cancel(cpu);
    watch_update(cpu);                  /* once it has ended, the start-up IPI is a real one, and lost on a parked CPU */
    if (cpu->watching) {
        __atomic_store_n(&cpu->start, START_WAITING, __ATOMIC_SEQ_CST);
        vcpu_park(cpu);
    }
    cpu->nmi_owed = false;
    nmi_controls(cpu);
    vmwrite(VMCS_GUEST_INTERRUPTIBILITY_STATE, 0);
    vmwrite(VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_WAIT_FOR_SIPI);
}

/* Wakes at the write of `start` and, as everywhere in root mode, at an NMI. SDM: 9.10 */
static void start_wait(const struct cpu *cpu)
{
    if (!(host_cpuid(1, 0).ecx & CPUID_MONITOR)) {
        host_pause();
        return;
    }
    host_monitor(&cpu->start);
    if (!(cpu->start & START_VECTOR) && !machine_stopping)
        host_mwait();
}

/* The start-up IPI's vector. This wait is meant to last: without dom0 there is nothing to do here. */
static u8 vector_take(struct cpu *cpu)
{
    for (;;) {
        u32 start = cpu->start;
        if (machine_stopping)
            host_halt();
        if (!(start & START_VECTOR))
            start_wait(cpu);
        else if (__atomic_compare_exchange_n(&cpu->start, &start, START_RUNNING, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            return (u8)start;
    }
}

void vcpu_park(struct cpu *cpu)
{
    apic_reset(cpu);                    /* quiet while it waits, too */
    u8 vector = vector_take(cpu);
    cpu->nmi_owed = false;              /* what came while it waited was the call to stop, or nobody's */
    paging_flush();                     /* the trampoline's page is gone by now */
    if (!cpu->started)
        watch_started();
    cpu->started = true;
    vcpu_sipi(cpu, vector);
}

/* An NMI takes a running CPU out of the guest, whatever it does there. Waiting and absent ones stay as they are. */
bool vcpu_init_send(struct cpu *target)
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

/* Only one that waits takes it. SDM: 11.4.4.1 */
void vcpu_sipi_send(struct cpu *target, u8 vector)
{
    u32 waiting = START_WAITING;
    __atomic_compare_exchange_n(&target->start, &waiting, START_VECTOR | vector, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
