#include "vmx/switch_msrs.h"

#include "core/host.h"
#include "generated/vmx/dom0.h"
#include "generated/x86/externs.h"
#include "vmx/msr_bitmap.h"
#include "vmx/vmx.h"

/*
 * In the order of the MSR areas: first those that both sides may write without an exit, which are read at each switch; then
 * those whose every write causes an exit, so that their values are known.
 */
static u32 msrs[DOMU_SWAP_MSRS];
static u32 count;

u32 switched_msrs_passed;

static bool is_intercepted(u32 msr)
{
    return msr_write_exits(dom0_msr_bitmap, msr) && msr_write_exits(domu_msr_bitmap, msr);
}

static void switched_msrs_add(bool intercepted)
{
    for (const u32 *msr = domu_swap_msrs; *msr; msr++)
        if (is_intercepted(*msr) == intercepted && host_rdmsr_try(*msr).ok)
            msrs[count++] = *msr;
}

void switched_msrs_find(void)
{
    switched_msrs_add(false);
    switched_msrs_passed = count;
    switched_msrs_add(true);
}

static void area_init(struct switched_state *side)
{
    for (u32 i = 0; i < count; i++)
        side->msrs[i] = (struct msr_entry){.msr = msrs[i]};
}

void switched_msrs_prepare(struct vcpu *vcpu)
{
    area_init(&vcpu->state);
    u64 area = hv_phys(vcpu->state.msrs);
    vmwrite(VMCS_VM_ENTRY_MSR_LOAD_ADDRESS, area);
    vmwrite(VMCS_VM_EXIT_MSR_STORE_ADDRESS, area);
    vmwrite(VMCS_VM_ENTRY_MSR_LOAD_COUNT, count);
    vmwrite(VMCS_VM_EXIT_MSR_STORE_COUNT, switched_msrs_passed);
    vmwrite(VMCS_VM_EXIT_MSR_LOAD_COUNT, count);
}

void switched_msrs_place(const struct cpu *cpu)
{
    vmwrite(VMCS_VM_EXIT_MSR_LOAD_ADDRESS, hv_phys(cpu->dom0_state->msrs));
}

void switched_msrs_read_all(struct cpu *cpu)
{
    area_init(cpu->dom0_state);
    for (u32 i = 0; i < count; i++)
        cpu->dom0_state->msrs[i].value = host_rdmsr(msrs[i]);
    cpu->dom0_state_known = true;
}

static u64 *value_in(struct switched_state *side, u32 msr)
{
    for (u32 i = 0; i < count; i++)
        if (msrs[i] == msr)
            return &side->msrs[i].value;
    return 0;
}

u64 *switched_msr(struct vcpu *vcpu, u32 msr)
{
    return value_in(&vcpu->state, msr);
}

/* The processor itself is asked; dom0's value is restored before anything else runs. */
bool switched_msr_is_valid(u32 msr, u64 value)
{
    u64 before = host_rdmsr(msr);
    bool valid = host_wrmsr_try(msr, value);
    host_wrmsr(msr, before);
    return valid;
}

static bool dom0_msr_write(struct cpu *cpu, u32 msr, u64 value)
{
    if (!host_wrmsr_try(msr, value))
        return false;
    u64 *saved = cpu->dom0_state_known ? value_in(cpu->dom0_state, msr) : 0;
    if (saved)
        *saved = value;
    return true;
}

bool switched_msr_write(struct cpu *cpu, u32 msr, u64 value)
{
    if (!cpu->vcpu)
        return dom0_msr_write(cpu, msr, value);
    u64 *saved = switched_msr(cpu->vcpu, msr);
    if (!saved || !switched_msr_is_valid(msr, value))
        return false;
    *saved = value;
    return true;
}
