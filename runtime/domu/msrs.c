/* The machine's MSRs of a vCPU: those of its VMCS, those that are switched, and the clock. */
#include "generated/x86.h"
#include "vmx/entry_checks.h"
#include "core/host.h"
#include "domu/registers.h"
#include "domu/switch_msrs.h"
#include "vmx/vmx.h"
#include "domu/switch.h"

#define CLOCK_NEAR (1ull << 31)         /* ticks: about a second. VMMs set the clocks of all vCPUs one after the other */

static const struct {
    u32 msr;
    u16 field;
    bool is_address;
} fields[] = {
    {IA32_SYSENTER_CS, VMCS_GUEST_IA32_SYSENTER_CS, false},
    {IA32_SYSENTER_ESP, VMCS_GUEST_IA32_SYSENTER_ESP, true},
    {IA32_SYSENTER_EIP, VMCS_GUEST_IA32_SYSENTER_EIP, true},
    {IA32_PAT, VMCS_GUEST_IA32_PAT, false},
    {IA32_EFER, VMCS_GUEST_IA32_EFER, false},
    {IA32_FS_BASE, VMCS_GUEST_FS_BASE, true},
    {IA32_GS_BASE, VMCS_GUEST_GS_BASE, true},
};

static int field_index(u32 msr)
{
    for (u32 i = 0; i < COUNT_OF(fields); i++)
        if (fields[i].msr == msr)
            return (int)i;
    return -1;
}

static u64 tsc_get(void)
{
    return host_rdtsc() + tsc_offset();
}

/* Clocks that are meant to agree do: one that would be within a second of the last that was set is that one. */
static void clock_set(struct vcpu *vcpu, u64 value)
{
    u64 offset = value - host_rdtsc(), last = vcpu->domain->tsc_offset;
    if (offset - last + CLOCK_NEAR < 2 * CLOCK_NEAR)
        offset = last;
    vcpu->domain->tsc_offset = offset;
    set_tsc_offset(offset);
}

bool msr_get(struct vcpu *vcpu, u32 msr, u64 *value)
{
    int field = field_index(msr);
    const u64 *switched = switched_msr(vcpu, msr);
    if (msr == IA32_TIME_STAMP_COUNTER)
        *value = tsc_get();
    else if (msr == IA32_TSC_ADJUST)
        *value = vcpu->tsc_adjust;
    else if (field >= 0)
        *value = vmread(fields[field].field);
    else if (switched)
        *value = *switched;
    else
        return false;
    return true;
}

static bool field_set(u32 i, u64 value)
{
    if (fields[i].is_address && !is_canonical(value))
        return false;
    if (fields[i].msr == IA32_PAT && !is_memory_types(value))
        return false;
    if (fields[i].msr != IA32_EFER) {
        vmwrite(fields[i].field, value);
        return true;
    }
    if (value & ~(u64)EFER_KNOWN)
        return false;
    efer_set((value & ~(u64)EFER_LMA) | (guest_efer() & EFER_LMA));
    return true;
}

/* Guests have no supervisor state: dom0's is in the registers while they run. */
static bool switched_msr_set(u32 msr, u64 *switched, u64 value)
{
    if (msr == IA32_XSS ? value != 0 : !switched_msr_is_valid(msr, value))
        return false;
    *switched = value;
    return true;
}

bool msr_set(struct vcpu *vcpu, u32 msr, u64 value)
{
    int field = field_index(msr);
    u64 *switched = switched_msr(vcpu, msr);
    if (field >= 0)
        return field_set((u32)field, value);
    if (switched)
        return switched_msr_set(msr, switched, value);
    if (msr == IA32_TIME_STAMP_COUNTER)
        clock_set(vcpu, value);
    else if (msr == IA32_TSC_ADJUST)
        vcpu->tsc_adjust = value;
    else
        return false;
    return true;
}
