/* A vCPU's VMCS: made at boot's choice of controls, with the guest's state after RESET; and what of it a VMM may change. */
#include "vmx/vcpu.h"

#include "core/host.h"
#include "core/log.h"
#include "core/pages.h"
#include "core/string.h"
#include "domu/pool.h"
#include "generated/vmx/fields_init.h"
#include "vmx/msr_bitmap.h"
#include "vmx/switch_msrs.h"

u32 vcpu_timer, vcpu_timer_shift;

static u8 *bitmap_without_speculation;

/* VPIDs need a way to flush what is cached under one. SDM: A.10 */
static void vpid_check(void)
{
    u64 wanted = EPT_INVVPID | EPT_INVVPID_SINGLE;
    if ((host_rdmsr(IA32_VMX_EPT_VPID_CAP) & wanted) != wanted)
        domu_control_word[DOMU_WORD_SECONDARY] &= ~(u64)SECONDARY_ENABLE_VPID;
}

/* MSRs that the guest's CPUID does not have are reflected to the VMM, which refuses them. */
static bool bitmap_init(void)
{
    u64 page = page_alloc(1);
    if (!page)
        return false;
    bitmap_without_speculation = hv_virt(page);
    memcpy(bitmap_without_speculation, domu_msr_bitmap, PAGE_SIZE);
    msr_intercept(bitmap_without_speculation, IA32_SPEC_CTRL);
    msr_intercept(bitmap_without_speculation, IA32_PRED_CMD);
    return true;
}

bool vcpu_controls_init(void)
{
    if (!controls_grant(domu_controls, domu_control_word, DOMU_CONTROL_WORDS)) {
        log_line("luvalley: this processor cannot run domUs; dom0 runs without", 0, 0);
        return false;
    }
    vpid_check();
    vcpu_timer_shift = host_rdmsr(IA32_VMX_MISC) & MISC_PREEMPTION_TIMER_SHIFT_MASK;
    vcpu_timer = RUN_CYCLES >> vcpu_timer_shift;
    switched_msrs_find();
    return bitmap_init();
}

static void addresses_write(const struct vcpu *vcpu)
{
    vmwrite(VMCS_VMCS_LINK_POINTER, ~0ull);
    set_msr_bitmap(domu_msr_bitmap);
    vmwrite(VMCS_EPT_POINTER, vcpu->domain->nested_pointer);
    vmwrite(VMCS_VIRTUAL_APIC_PAGE_ADDRESS, vcpu->tpr_page);
    if (vcpu_has_vpid())
        vmwrite(VMCS_VPID, 1 + CPUS_MAX + vcpu->slot);
}

static void choices_write(struct cpu *cpu, struct vcpu *vcpu)
{
    controls_write(domu_controls, domu_control_word, DOMU_CONTROL_WORDS);
    host_state_write(cpu, domu_exit);
    addresses_write(vcpu);
    switched_msrs_prepare(vcpu);
    set_exception_intercepts(DOMU_EXCEPTION_BITMAP);
    vmwrite(VMCS_CR0_GUEST_HOST_MASK, DOMU_CR0_OWNED);
    set_tsc_offset(vcpu->domain->tsc_offset);
}

void vcpu_state_init(struct cpu *cpu, struct vcpu *vcpu)
{
    vmcs_create(vcpu->control_page);
    vcpu_load(cpu, vcpu);
    domu_fields_init();
    choices_write(cpu, vcpu);
    domu_reset_state(cpu);
}

void vcpu_state_clear(struct vcpu *vcpu)
{
    vmclear(vcpu->control_page);
}

/* Caches stay on, whatever the guest reads in the shadow. SDM: 27.3.2.1 leaves these bits as they are. */
void vcpu_set_cr0(u64 value)
{
    set_guest_cr0((value & ~(u64)(CR0_CD | CR0_NW)) | CR0_NE | CR0_ET);
    vmwrite(VMCS_CR0_READ_SHADOW, value);
}

void vcpu_set_cr4(u64 value)
{
    u64 fixed = host_rdmsr(IA32_VMX_CR4_FIXED0) | (host_read_cr4() & CR4_MCE);
    set_guest_cr4((value & ~(u64)(CR4_SMXE | CR4_MCE)) | fixed);
    vmwrite(VMCS_CR4_READ_SHADOW, value);
}

void vcpu_set_cr4_permitted(u64 bits)
{
    vmwrite(VMCS_CR4_GUEST_HOST_MASK, DOMU_CR4_OWNED | ~bits);
}

/* The entry control that makes a 64-bit guest follows IA32_EFER.LMA. SDM: 27.3.1.1 */
void vcpu_set_efer(u64 value)
{
    u64 entry = vmread(VMCS_VM_ENTRY_CONTROLS) & ~(u64)ENTRY_IA32E_MODE_GUEST;
    vmwrite(VMCS_VM_ENTRY_CONTROLS, entry | (value & EFER_LMA ? ENTRY_IA32E_MODE_GUEST : 0));
    set_guest_efer(value);
}

/* Each instruction is #UD where its control is off. SDM: 26.3 */
void vcpu_hide_features(u32 features)
{
    u64 off = (features & LUV_HIDE_INVPCID ? SECONDARY_ENABLE_INVPCID : 0) |
        (features & LUV_HIDE_RDTSCP ? SECONDARY_ENABLE_RDTSCP : 0) | (features & LUV_HIDE_XSAVES ? SECONDARY_ENABLE_XSAVES : 0);
    const u8 *bitmap = features & LUV_HIDE_SPECULATION ? bitmap_without_speculation : domu_msr_bitmap;
    vmwrite(VMCS_SECONDARY_CONTROLS, domu_control_word[DOMU_WORD_SECONDARY] & ~off);
    set_msr_bitmap(bitmap);
}
