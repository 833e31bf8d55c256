/* A vCPU's MSRs as hypercalls carry them: those of its VMCS, those that are switched, and its clock. */
#include "domu/state.h"

#include "core/host.h"
#include "vmx/entry_checks.h"
#include "vmx/switch_msrs.h"
#include "vmx/vcpu.h"

#define CLOCK_NEAR (1ull << 31)         /* ticks: about a second */

static u64 tsc_get(void)
{
    return host_rdtsc() + tsc_offset();
}

/* A VMM sets all clocks to the same value, a bit later each: one within a second of the domain's last gets the same offset. */
static void tsc_set(struct vcpu *vcpu, u64 value)
{
    u64 offset = value - host_rdtsc(), last = vcpu->domain->tsc_offset;
    if (offset - last + CLOCK_NEAR < 2 * CLOCK_NEAR)
        offset = last;
    vcpu->domain->tsc_offset = offset;
    set_tsc_offset(offset);
}

/* Those that the processor keeps in the guest's state. */
static bool state_get(u32 msr, u64 *value)
{
    switch (msr) {
    case IA32_SYSENTER_CS: *value = guest_sysenter_cs(); return true;
    case IA32_SYSENTER_ESP: *value = guest_sysenter_esp(); return true;
    case IA32_SYSENTER_EIP: *value = guest_sysenter_eip(); return true;
    case IA32_PAT: *value = guest_pat(); return true;
    case IA32_EFER: *value = guest_efer(); return true;
    case IA32_FS_BASE: *value = guest_fs_base(); return true;
    case IA32_GS_BASE: *value = guest_gs_base(); return true;
    default: return false;
    }
}

/* What WRMSR would refuse; the VM entry would fail. SDM: 27.3.1.1, 27.3.1.2 */
static bool state_is_valid(u32 msr, u64 value)
{
    switch (msr) {
    case IA32_SYSENTER_CS: return true;
    case IA32_PAT: return is_memory_types(value);
    case IA32_EFER: return !(value & ~(u64)EFER_KNOWN);
    default: return is_canonical(value);
    }
}

static void state_set(u32 msr, u64 value)
{
    switch (msr) {
    case IA32_SYSENTER_CS: set_guest_sysenter_cs(value); break;
    case IA32_SYSENTER_ESP: set_guest_sysenter_esp(value); break;
    case IA32_SYSENTER_EIP: set_guest_sysenter_eip(value); break;
    case IA32_PAT: set_guest_pat(value); break;
    case IA32_EFER: vcpu_set_efer((value & ~(u64)EFER_LMA) | (guest_efer() & EFER_LMA)); break;
    case IA32_FS_BASE: set_guest_fs_base(value); break;
    default: set_guest_gs_base(value); break;
    }
}

bool msr_get(struct vcpu *vcpu, u32 msr, u64 *value)
{
    const u64 *switched = switched_msr(vcpu, msr);
    if (msr == IA32_TIME_STAMP_COUNTER)
        *value = tsc_get();
    else if (msr == IA32_TSC_ADJUST)
        *value = vcpu->tsc_adjust;
    else if (switched)
        *value = *switched;
    else
        return state_get(msr, value);
    return true;
}

/* Guests have no supervisor state of XSAVES: dom0's is in the registers while they run. */
static bool switched_msr_set(u32 msr, u64 *switched, u64 value)
{
    if (msr == IA32_XSS ? value != 0 : !switched_msr_is_valid(msr, value))
        return false;
    *switched = value;
    return true;
}

bool msr_set(struct vcpu *vcpu, u32 msr, u64 value)
{
    u64 *switched = switched_msr(vcpu, msr), old;
    if (switched)
        return switched_msr_set(msr, switched, value);
    if (msr == IA32_TIME_STAMP_COUNTER) {
        tsc_set(vcpu, value);
    } else if (msr == IA32_TSC_ADJUST) {
        vcpu->tsc_adjust = value;
    } else {
        if (!state_get(msr, &old) || !state_is_valid(msr, value))
            return false;
        state_set(msr, value);
    }
    return true;
}
