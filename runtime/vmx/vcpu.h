/*
 * The processor's half of a domU's vCPU: its VMCS, and what of it a VMM's requests change. Inline what every run pays for.
 * SVM has the same names.
 */
#pragma once

#include "domu/domu.h"
#include "generated/vmx/controls.h"
#include "vmx/nmi.h"
#include "vmx/state.h"

/* Asked once, at boot, when there is a pool: this processor can run domUs. Says what is missing. */
bool vcpu_controls_init(void);
/* A new VMCS in the pages that the vCPU has; the guest's state is as after RESET. It stays current. */
void vcpu_state_init(struct cpu *cpu, struct vcpu *vcpu);
/* No CPU has anything of the VMCS cached: its page may be freed. SDM: 25.11.1 */
void vcpu_state_clear(struct vcpu *vcpu);

/* CR0, CR4 and IA32_EFER as the VMM sets them, and with them what VMX operation needs. */
void vcpu_set_cr0(u64 value);
void vcpu_set_cr4(u64 value);
void vcpu_set_efer(u64 value);
/* Which bits of CR4 the guest may change without an exit. */
void vcpu_set_cr4_permitted(u64 bits);
/* Features that the guest's CPUID table does not have (enum luv_hide) are #UD, or #GP for the speculation MSRs. */
void vcpu_hide_features(u32 features);

#define RUN_CYCLES 2000000u             /* of the TSC: about a millisecond */

/* What the preemption timer starts from: it bounds a vCPU that nothing interrupts. It counts at the TSC's rate >> shift. SDM: 26.5.1 */
extern u32 vcpu_timer, vcpu_timer_shift;

/* The vCPU's VMCS becomes current. The NMI handler knows by cpu->vcpu which one is: see vmx/nmi.c. */
static inline void vcpu_load(struct cpu *cpu, struct vcpu *vcpu)
{
    cpu->vcpu = vcpu;
    vmptrld(vcpu->control_page);
}

/* dom0's VMCS becomes current. The vCPU's is cleared at once, so that any CPU may run it next. SDM: 25.1 */
static inline void vcpu_put(struct cpu *cpu)
{
    vmclear(cpu->vcpu->control_page);
    vmptrld(hv_phys(cpu_block(cpu)->control_page));
    cpu->vcpu = 0;
    if (unlikely(has_pending(cpu)))
        nmi_update_controls(cpu); /* an NMI from here on opens the window itself */
}

static inline bool vcpu_has_vpid(void)
{
    return domu_control_word[DOMU_WORD_SECONDARY] & SECONDARY_ENABLE_VPID;
}

/* This CPU forgets the translations that it has cached of the vCPU. SDM: 29.4.3.1 */
static inline void vcpu_flush_tlb(void)
{
    if (vcpu_has_vpid())
        invvpid_single((u16)vmread(VMCS_VPID));
}

static inline void vcpu_start_timer(void)
{
    vmwrite(VMCS_PREEMPTION_TIMER_VALUE, vcpu_timer);
}

/* For the next entry of this run, which has so much time left. */
static inline void vcpu_limit_timer(u64 cycles)
{
    vmwrite(VMCS_PREEMPTION_TIMER_VALUE, cycles >> vcpu_timer_shift);
}

/* The guest's TPR, in the virtual-APIC page. SDM: 30.1.1 */
static inline u8 *vcpu_tpr(const struct vcpu *vcpu)
{
    return (u8 *)hv_virt(vcpu->tpr_page) + 0x80;
}

/* An exit once the guest's TPR is below the threshold; one above the TPR would be refused. SDM: 27.2.1.1 */
static inline void vcpu_set_tpr_threshold(u64 threshold)
{
    vmwrite(VMCS_TPR_THRESHOLD, threshold);
}

/* Exits as soon as the guest can take an interrupt or an NMI; and at its next use of the debug registers. */
static inline void vcpu_set_windows(bool interrupt, bool nmi)
{
    u64 word = domu_control_word[DOMU_WORD_PRIMARY] | PRIMARY_MOV_DR_EXITING;
    word |= interrupt ? PRIMARY_INTERRUPT_WINDOW_EXITING : 0;
    word |= nmi ? PRIMARY_NMI_WINDOW_EXITING : 0;
    vmwrite(VMCS_PRIMARY_CONTROLS, word);
}

static inline void vcpu_pass_dr_access(void)
{
    vmwrite(VMCS_PRIMARY_CONTROLS, vmread(VMCS_PRIMARY_CONTROLS) & ~(u64)PRIMARY_MOV_DR_EXITING);
}

/* The event that the next entry delivers, in the layout that all words about events share. SDM: 25.8.3 */
static inline void vcpu_set_entry_event(u32 event, u32 error, u32 length)
{
    vmwrite(VMCS_VM_ENTRY_INTERRUPTION_INFO, event);
    vmwrite(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE, error);
    vmwrite(VMCS_VM_ENTRY_INSTRUCTION_LENGTH, length);
}

/* The last entry's event was not delivered, because of an exit before it: it is given back to the VMM in the run page. */
void cancel_injection(struct luv_run *run);
