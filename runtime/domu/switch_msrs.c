#include "domu/switch_msrs.h"

#include "generated/dom0.h"
#include "generated/externs.h"
#include "generated/x86.h"
#include "core/host.h"
#include "core/string.h"

/*
 * In the order of the lists: first those that both sides write as they like, which are read at each switch; then those
 * whose every write leaves, so that their values are known.
 */
static u32 msrs[DOMU_SWAP_MSRS];
static u32 count;

u32 switched_msrs_passed;

static bool write_exits(const u8 *bitmap, u32 msr)
{
    u32 number = msr & 0x1FFF, part = msr >> 31 ? BITMAP_WRITES_HIGH : BITMAP_WRITES_LOW;
    return bitmap[part + number / 8] >> number % 8 & 1;
}

static bool is_intercepted(u32 msr)
{
    return write_exits(dom0_msr_bitmap, msr) && write_exits(domu_msr_bitmap, msr);
}

static void switched_msrs_add(bool kept)
{
    for (const u32 *msr = domu_swap_msrs; *msr; msr++)
        if (is_intercepted(*msr) == kept && host_rdmsr_try(*msr).ok)
            msrs[count++] = *msr;
}

void switched_msrs_find(void)
{
    switched_msrs_add(false);
    switched_msrs_passed = count;
    switched_msrs_add(true);
}

static void area_name(struct switched *side)
{
    for (u32 i = 0; i < count; i++)
        side->msrs[i] = (struct msr_entry){.msr = msrs[i]};
}

void switched_msrs_prepare(struct vcpu *vcpu)
{
    area_name(&vcpu->state);
    u64 list = hv_phys(vcpu->state.msrs);
    vmwrite(VMCS_VM_ENTRY_MSR_LOAD_ADDRESS, list);
    vmwrite(VMCS_VM_EXIT_MSR_STORE_ADDRESS, list);
    vmwrite(VMCS_VM_ENTRY_MSR_LOAD_COUNT, count);
    vmwrite(VMCS_VM_EXIT_MSR_STORE_COUNT, switched_msrs_passed);
    vmwrite(VMCS_VM_EXIT_MSR_LOAD_COUNT, count);
}

void switched_msrs_place(const struct cpu *cpu)
{
    vmwrite(VMCS_VM_EXIT_MSR_LOAD_ADDRESS, hv_phys(cpu->own->msrs));
}

void switched_msrs_read_all(struct cpu *cpu)
{
    area_name(cpu->own);
    for (u32 i = 0; i < count; i++)
        cpu->own->msrs[i].value = host_rdmsr(msrs[i]);
    cpu->dom0_state_known = true;
}

static u64 *value_in(struct switched *side, u32 msr)
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

/* Asked of the processor itself; dom0's own value is back before anything else runs. */
bool switched_msr_is_valid(u32 msr, u64 value)
{
    u64 own = host_rdmsr(msr);
    bool valid = host_wrmsr_try(msr, value);
    host_wrmsr(msr, own);
    return valid;
}

static bool own_write(struct cpu *cpu, u32 msr, u64 value)
{
    if (!host_wrmsr_try(msr, value))
        return false;
    if (cpu->dom0_state_known)
        *value_in(cpu->own, msr) = value;
    return true;
}

bool switched_msr_write(struct cpu *cpu, u32 msr, u64 value)
{
    if (!cpu->vcpu)
        return own_write(cpu, msr, value);
    u64 *kept = switched_msr(cpu->vcpu, msr);
    if (!kept || !switched_msr_is_valid(msr, value))
        return false;
    *kept = value;
    return true;
}
