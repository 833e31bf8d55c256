/* A vCPU's VMCS, in the state after RESET. */
#include "generated/controls.h"
#include "generated/x86.h"
#include "core/host.h"
#include "domu/registers.h"
#include "domu/run.h"
#include "core/string.h"
#include "domu/switch_msrs.h"
#include "vmx/vmx.h"
#include "domu/switch.h"

#define DR6_AFTER_RESET 0xFFFF0FF0u     /* SDM: table 10-1 */
#define TPR_OFFSET 0x80                 /* in the virtual-APIC page. SDM: 30.1.1 */
#define MXCSR_OFFSET 24                 /* of the XSAVE area, and its value. SDM: 14.4.1, 11.6.4 */
#define MXCSR_AFTER_RESET 0x1F80u
#define FCW_AFTER_RESET 0x40u

void domu_arrive(void);

static void addresses_write(const struct vcpu *vcpu)
{
    vmwrite(VMCS_VMCS_LINK_POINTER, ~0ull);
    vmwrite(VMCS_MSR_BITMAP_ADDRESS, hv_phys(domu_msr_bitmap));
    vmwrite(VMCS_EPT_POINTER, vcpu->domain->eptp);
    vmwrite(VMCS_VIRTUAL_APIC_PAGE_ADDRESS, vcpu->tpr_page);
    if (domu_control_word[DOMU_WORD_SECONDARY] & SECONDARY_ENABLE_VPID)
        vmwrite(VMCS_VPID, 1 + CPUS_MAX + vcpu->slot);
}

static void choices_write(struct cpu *cpu, struct vcpu *vcpu)
{
    controls_write(domu_controls, domu_control_word, DOMU_CONTROL_WORDS);
    host_state_write(cpu, domu_arrive);
    addresses_write(vcpu);
    switched_msrs_prepare(vcpu);
    zeros_write(domu_control_word[DOMU_WORD_SECONDARY]);
    vmwrite(VMCS_EXCEPTION_BITMAP, DOMU_EXCEPTION_BITMAP);
    vmwrite(VMCS_CR0_GUEST_HOST_MASK, DOMU_CR0_OWNED);
    cr4_permit(vcpu, cr4_possible());
    set_tsc_offset(vcpu->domain->tsc_offset);
}

static void state_reset(struct cpu *cpu)
{
    domu_reset_state(cpu);
    cpu->guest = (struct registers){0};
    cpu->guest.rdx = host_cpuid(1, 0).eax;
    cr0_set(CR0_CD | CR0_NW | CR0_ET);
    cr4_set(0);
}

static void switched_reset(struct vcpu *vcpu)
{
    u8 *area = vcpu->xsave_area = hv_virt(vcpu->xsave);
    vcpu->tpr = (u8 *)hv_virt(vcpu->tpr_page) + TPR_OFFSET;
    vcpu->state.dr6 = DR6_AFTER_RESET;
    vcpu->state.xcr0 = XCR0_X87;
    *(u32 *)(area + MXCSR_OFFSET) = MXCSR_AFTER_RESET;
    *(u16 *)area = FCW_AFTER_RESET;
    *(u64 *)(area + XSAVE_HEADER) = XSAVE_LEGACY;
}

void vcpu_prepare(struct cpu *cpu, struct vcpu *vcpu)
{
    struct registers own = cpu->guest;
    *(u32 *)hv_virt(vcpu->vmcs) = host_rdmsr(IA32_VMX_BASIC) & BASIC_REVISION_MASK;
    vmclear(vcpu->vmcs);
    vcpu_load(cpu, vcpu);
    choices_write(cpu, vcpu);
    state_reset(cpu);
    switched_reset(vcpu);
    memset(vcpu->run, 0, sizeof(*vcpu->run));
    store_registers(cpu, vcpu->run);
    store_run(vcpu);
    vcpu_put(cpu);
    vcpu->last_cpu = NO_CPU;
    vcpu->requests = REQUESTS_NONE;
    cpu->guest = own;
}
