/*
 * dom0's MSR areas, for MSRs without a VMCS field, or whose field few processors can save. An exit stores the guest's values
 * where the next entry loads them; the host's values are zeros. SDM: 25.7.2, 25.8.2, 27.4, 28.4
 */
#include "core/cpu.h"
#include "core/host.h"
#include "generated/vmx/dom0.h"
#include "vmx/vmx.h"

struct msr_area_entry {
    u32 msr, reserved;
    u64 value;
};

struct msr_areas {
    struct msr_area_entry guest[DOM0_LIST_MSRS], host[DOM0_LIST_MSRS];
};

_Static_assert(sizeof(struct msr_areas) <= PAGE_SIZE, "both areas fit their page");

/* Without those that this processor lacks: an entry that loads one fails. */
static u32 msr_areas_fill(struct msr_areas *areas)
{
    u32 count = 0;
    for (const u32 *msr = dom0_list_msrs; *msr; msr++) {
        struct msr_value now = host_rdmsr_try(*msr);
        if (!now.ok)
            continue;
        areas->guest[count] = (struct msr_area_entry){.msr = *msr, .value = now.value};
        areas->host[count++] = (struct msr_area_entry){.msr = *msr};
    }
    return count;
}

u64 *msr_area_value(struct cpu *cpu, u32 msr)
{
    struct msr_areas *areas = (struct msr_areas *)cpu_block(cpu)->msr_areas;
    for (u32 i = 0; i < DOM0_LIST_MSRS; i++)
        if (areas->guest[i].msr == msr)
            return &areas->guest[i].value;
    return 0;
}

void msr_areas_write(struct cpu *cpu)
{
    struct msr_areas *areas = (struct msr_areas *)cpu_block(cpu)->msr_areas;
    u32 count = msr_areas_fill(areas);
    u64 guest = hv_phys(areas->guest), host = hv_phys(areas->host);
    vmwrite(VMCS_VM_EXIT_MSR_STORE_ADDRESS, guest);
    vmwrite(VMCS_VM_ENTRY_MSR_LOAD_ADDRESS, guest);
    vmwrite(VMCS_VM_EXIT_MSR_LOAD_ADDRESS, host);
    vmwrite(VMCS_VM_EXIT_MSR_STORE_COUNT, count);
    vmwrite(VMCS_VM_ENTRY_MSR_LOAD_COUNT, count);
    vmwrite(VMCS_VM_EXIT_MSR_LOAD_COUNT, count);
}
