/*
 * MSRs as the guest has them. While the hypervisor runs, those that the processor switches hold the values of root mode: what a
 * handler reads and writes is in the VMCS, or in an MSR area. SDM: 28.3.1, 28.4
 */
#include "vmx/guest_msrs.h"

#include "core/host.h"
#include "generated/vmx/dom0.h"
#include "generated/vmx/domu.h"
#include "generated/x86/x86.h"
#include "vmx/entry_checks.h"
#include "vmx/state.h"
#include "vmx/switch_msrs.h"

/* These let a branch in root mode write to memory that the guest has chosen. SDM: 18.4.9 */
#define DEBUGCTL_STORES (DEBUGCTL_TR | DEBUGCTL_BTS | DEBUGCTL_BTINT)

static const struct switched_field *field_find(const struct cpu *cpu, u32 msr)
{
    const struct switched_field *one = cpu->vcpu ? domu_switched_fields : dom0_switched_fields;
    for (; one->msr; one++)
        if (one->msr == msr)
            return one;
    return 0;
}

/* LME changes only without paging; LMA is not written. SDM: 2.2.1 */
static bool is_efer(u64 value)
{
    bool lme_changes = (value ^ guest_efer()) & EFER_LME;
    return !(value & ~(u64)(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)) && !(lme_changes && guest_cr0() & CR0_PG);
}

/* What WRMSR raises #GP for. Where only the processor knows, it is asked; root mode's value is restored at once. */
static bool is_valid(u32 msr, u64 value)
{
    switch (msr) {
    case IA32_EFER: return is_efer(value);
    case IA32_PAT: return is_memory_types(value);
    case IA32_SYSENTER_CS: return true;
    case IA32_SYSENTER_ESP:
    case IA32_SYSENTER_EIP:
    case IA32_FS_BASE:
    case IA32_GS_BASE: return is_canonical(value);
    case IA32_DEBUGCTL: return switched_msr_is_valid(msr, value & ~(u64)DEBUGCTL_STORES);
    default: return switched_msr_is_valid(msr, value);
    }
}

struct msr_value guest_rdmsr_try(struct cpu *cpu, u32 msr)
{
    const struct switched_field *field = field_find(cpu, msr);
    if (field)
        return (struct msr_value){vmread(field->field), true};
    const u64 *listed = cpu->vcpu ? switched_msr(cpu->vcpu, msr) : msr_area_value(cpu, msr);
    return listed ? (struct msr_value){*listed, true} : host_rdmsr_try(msr);
}

bool guest_wrmsr_try(struct cpu *cpu, u32 msr, u64 value)
{
    const struct switched_field *field = field_find(cpu, msr);
    u64 *listed = cpu->vcpu ? 0 : msr_area_value(cpu, msr);
    if (!field && !listed)
        return switched_msr_write(cpu, msr, value);
    if (!is_valid(msr, value))
        return false;
    if (listed)
        *listed = value;
    else
        vmwrite(field->field, msr == IA32_EFER ? (value & ~(u64)EFER_LMA) | (guest_efer() & EFER_LMA) : value);
    return true;
}
