#include "vcpu.h"

#include "apic.h"
#include "generated/controls.h"
#include "generated/dom0.h"
#include "guest.h"
#include "host.h"
#include "low.h"
#include "memory.h"
#include "nmi.h"
#include "stop.h"
#include "string.h"

#define ACTIVITY_WAIT_FOR_SIPI 3        /* SDM: 25.4.2 */

__attribute__((noreturn)) void guest_launch(struct cpu *cpu);

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
    nmi_disarm(cpu);
    guest_launch(cpu);
}

void vcpu_start_disk(struct cpu *cpu)
{
    state_after_init(cpu);
    code_set((u16)(low_address >> 4), (u16)(u64)low_boot);
    enter(cpu);
}

void vcpu_init(struct cpu *cpu)
{
    if (machine_stopping)
        host_halt();
    state_after_init(cpu);
    vmwrite(VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_WAIT_FOR_SIPI);
    enter(cpu);
}

/* SDM: 10.4.4.1 */
void vcpu_sipi(struct cpu *cpu, u8 vector)
{
    state_after_init(cpu);
    code_set((u16)(vector << 8), 0);
    enter(cpu);
}

void vcpu_park(struct cpu *cpu)
{
    cpu->parked = true;
    while (!(cpu->sipi & SIPI_VALID))
        host_pause();
    u8 vector = (u8)cpu->sipi;
    cpu->sipi = 0;
    cpu->nmi_owed = false;              /* what came while it waited was the call to stop, or nobody's */
    cpu->parked = false;
    cpu->waiting = false;
    vcpu_sipi(cpu, vector);
}
