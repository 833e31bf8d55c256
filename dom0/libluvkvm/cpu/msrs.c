#include "cpu/msrs.h"

#include <errno.h>
#include <string.h>

#include "cpu/clock.h"
#include "api/log.h"
#include "cpu/machine_checks.h"
#include "cpu/mtrrs.h"
#include "api/vcpu.h"

struct range {
    uint32_t first, last;
};

static bool is_in(const struct range *ranges, unsigned count, uint32_t index)
{
    for (unsigned i = 0; i < count; i++)
        if (index >= ranges[i].first && index <= ranges[i].last)
            return true;
    return false;
}

#define IS_IN(ranges, index) is_in(ranges, sizeof(ranges) / sizeof *(ranges), index)

/* TSC, TSC_ADJUST, SPEC_CTRL, SYSENTER, PAT, XSS; EFER and the system call registers; bases; TSC_AUX. */
bool is_machine_msr(uint32_t index)
{
    static const struct range machine[] = {
        {IA32_TIME_STAMP_COUNTER, IA32_TIME_STAMP_COUNTER},
        {IA32_TSC_ADJUST, IA32_TSC_ADJUST},
        {IA32_SPEC_CTRL, IA32_SPEC_CTRL},
        {IA32_SYSENTER_CS, IA32_SYSENTER_EIP},
        {IA32_PAT, IA32_PAT},
        {IA32_XSS, IA32_XSS},
        {IA32_EFER, IA32_FMASK},
        {IA32_FS_BASE, IA32_TSC_AUX},
    };

    return IS_IN(machine, index);
}

/* What a guest may read and mostly write although nothing happens, in the manuals' order: machine check addresses and types;
 * platform id; FEATURE_CONTROL; microcode; SMI count; MTRRs; machine check; MISC_ENABLE; DEBUGCTL and last branches; machine check
 * banks; RAPL; AMD's configuration registers. What KVM reads for a guest is among them. */
static const struct range stored[] = {
    {IA32_P5_MC_ADDR, IA32_P5_MC_TYPE},
    {IA32_PLATFORM_ID, IA32_PLATFORM_ID},
    {0x2A, 0x2A},
    {0x2C, 0x2C},
    {0x34, 0x34},
    {IA32_FEATURE_CONTROL, IA32_FEATURE_CONTROL},
    {IA32_BIOS_UPDT_TRIG, IA32_BIOS_UPDT_TRIG},
    {IA32_BIOS_SIGN_ID, IA32_BIOS_SIGN_ID},
    {0xCD, 0xCE},
    {IA32_MTRRCAP, IA32_MTRRCAP},
    {IA32_ARCH_CAPABILITIES, IA32_ARCH_CAPABILITIES},
    {0x11E, 0x11E},
    {0x140, 0x140},
    {IA32_MCG_CAP, IA32_MCG_CTL},
    {IA32_PERF_STATUS, IA32_THERM_STATUS},
    {IA32_MISC_ENABLE, IA32_MISC_ENABLE},
    {IA32_DEBUGCTL, IA32_DEBUGCTL},
    {0x1DB, IA32_LER_TO_IP},
    {0x1FC, 0x1FC},
    {IA32_MTRR_PHYS, 0x20F},
    {IA32_MTRR_FIX64K_00000, IA32_MTRR_FIX64K_00000},
    {IA32_MTRR_FIX16K_80000, IA32_MTRR_FIX16K_A0000},
    {IA32_MTRR_FIX4K_C0000, IA32_MTRR_FIX4K_F8000},
    {IA32_MC_CTL2, 0x29F},
    {IA32_MTRR_DEF_TYPE, IA32_MTRR_DEF_TYPE},
    {IA32_MC, 0x47F},
    {0x606, 0x606},
    {0x611, 0x611},
    {0x619, 0x619},
    {0x639, 0x639},
    {0x641, 0x641},
    {0xC0010010, 0xC0010010},
    {0xC0010015, 0xC001001F},
    {0xC0010055, 0xC0010055},
    {0xC0010058, 0xC0010058},
    {0xC0010112, 0xC0010114},
    {0xC0010117, 0xC0010117},
    {0xC0010140, 0xC0010141},
    {0xC0011020, 0xC001102F},
};

/* Of these the ones that only the VMM sets: identification, counts, capabilities, status. A write of the guest's is #GP. */
static const struct range read_only[] = {
    {IA32_PLATFORM_ID, IA32_PLATFORM_ID},
    {0x2A, 0x2A},
    {0x2C, 0x2C},
    {0x34, 0x34},
    {0xCD, 0xCE},
    {IA32_MTRRCAP, IA32_MTRRCAP},
    {IA32_ARCH_CAPABILITIES, IA32_ARCH_CAPABILITIES},
    {IA32_PERF_STATUS, IA32_PERF_STATUS},
    {0x1DB, IA32_LER_TO_IP},
    {0x606, 0x606},
    {0x611, 0x611},
    {0x619, 0x619},
    {0x639, 0x639},
    {0x641, 0x641},
};

/* Performance counters that every processor of their kind has: there are none here, so they read 0 and swallow writes. So does
 * AMD's register that loads microcode. */
static const struct range ignored[] = {
    {IA32_PMC, 0xC2}, {IA32_PERFEVTSEL, 0x187}, {0xC0010000, 0xC0010007}, {0xC0010020, 0xC0010020}};

#define MISC_FEATURES 0x140u /* its only feature, faults of CPUID, is not offered */

/* What they hold before anyone writes them. */
static const struct kvm_msr_entry initial[] = {
    {.index = IA32_BIOS_SIGN_ID, .data = 0x100000000}, /* microcode revision 1 */
    {.index = IA32_MTRRCAP, .data = MTRR_CAPABILITIES},
    {.index = IA32_MISC_ENABLE, .data = 1}, /* MISC_ENABLE: fast strings */
    {.index = 0x2C,
     .data = 1 << 24}, /* EBC_FREQUENCY_ID: the core's clock is the bus's. This and the next ones are as KVM has them. */
    {.index = 0xCD, .data = 3}, /* FSB_FREQ: 166 MHz */
    {.index = 0x11E, .data = 0xBE702111}, /* BBL_CR_CTL3: a second-level cache that is on */
    {.index = IA32_PERF_STATUS, .data = 0x400000003E8}, /* a multiplier that does not change */
    {.index = 0xC001001B, .data = 0x20000000}, /* CLK_CTL: as it is after reset */
    {.index = IA32_FEATURE_CONTROL, .data = 1}, /* FEATURE_CONTROL: locked, nothing on */
};

/* What the VMM asks for by name; it saves and restores these. */
static const uint32_t listed[] = {
    IA32_TIME_STAMP_COUNTER,
    IA32_APIC_BASE,
    IA32_TSC_ADJUST,
    IA32_FEATURE_CONTROL,
    IA32_SYSENTER_CS,
    IA32_SYSENTER_ESP,
    IA32_SYSENTER_EIP,
    IA32_MCG_CAP,
    IA32_MCG_STATUS,
    IA32_MISC_ENABLE,
    IA32_PAT,
    IA32_MTRR_DEF_TYPE,
    IA32_TSC_DEADLINE,
    IA32_EFER,
    IA32_STAR,
    IA32_LSTAR,
    IA32_CSTAR,
    IA32_FMASK,
    IA32_FS_BASE,
    IA32_GS_BASE,
    IA32_KERNEL_GS_BASE,
    IA32_TSC_AUX,
};

#define LISTED (sizeof listed / sizeof *listed)

long list_msrs(struct kvm_msr_list *list)
{
    uint32_t room = list->nmsrs;

    list->nmsrs = LISTED;
    if (room < LISTED)
        return -E2BIG;
    memcpy(list->indices, listed, sizeof listed);
    return 0;
}

/* --- The store --- */

static struct kvm_msr_entry *find_entry(struct vcpu *vcpu, uint32_t index)
{
    for (uint32_t i = 0; i < vcpu->msrs.count; i++)
        if (vcpu->msrs.entries[i].index == index)
            return &vcpu->msrs.entries[i];
    return NULL;
}

static uint64_t load(struct vcpu *vcpu, uint32_t index)
{
    const struct kvm_msr_entry *entry = find_entry(vcpu, index);

    if (entry)
        return entry->data;
    for (unsigned i = 0; i < sizeof initial / sizeof *initial; i++)
        if (initial[i].index == index)
            return initial[i].data;
    return index == IA32_MCG_CAP ? vcpu->mcg_cap : 0;
}

static void store(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
    struct kvm_msr_entry *entry = find_entry(vcpu, index);

    if (!entry && vcpu->msrs.count < MAX_MSRS) {
        entry = &vcpu->msrs.entries[vcpu->msrs.count++];
        entry->index = index;
    }
    if (entry)
        entry->data = value;
}

/* --- One register, for the VMM --- */

static uint64_t get_one(struct vcpu *vcpu, uint32_t index)
{
    uint64_t value = 0;

    if (is_machine_msr(index) && !backend(vcpu)->get_msr(vcpu, index, &value))
        return value;
    if (index == IA32_APIC_BASE)
        return vcpu->apic.base;
    if (index == IA32_TSC_DEADLINE)
        return vcpu->apic.tsc_due;
    return load(vcpu, index);
}

static void set_one(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
    if (is_machine_msr(index) && !backend(vcpu)->set_msr(vcpu, index, value))
        return;
    if (index == IA32_APIC_BASE)
        apic_set_base(vcpu, value);
    else if (index == IA32_TSC_DEADLINE)
        apic_timer_deadline(vcpu, value);
    else
        store(vcpu, index, value);
}

long get_msrs(struct vcpu *vcpu, struct kvm_msrs *msrs)
{
    for (uint32_t i = 0; i < msrs->nmsrs; i++)
        msrs->entries[i].data = get_one(vcpu, msrs->entries[i].index);
    return msrs->nmsrs;
}

long set_msrs(struct vcpu *vcpu, const struct kvm_msrs *msrs)
{
    for (uint32_t i = 0; i < msrs->nmsrs; i++)
        set_one(vcpu, msrs->entries[i].index, msrs->entries[i].data);
    return msrs->nmsrs;
}

/* --- The guest --- */

static bool is_x2apic(uint32_t index)
{
    return index >= X2APIC_MSR_FIRST && index <= X2APIC_MSR_LAST;
}

static bool is_kept(const struct vcpu *vcpu, uint32_t index)
{
    return (IS_IN(stored, index) && has_machine_check(vcpu, index)) || is_paravirtual_msr(index);
}

bool read_msr(struct vcpu *vcpu, uint32_t index, uint64_t *value)
{
    if (is_x2apic(index))
        return apic_read_msr(vcpu, index, value);
    if (IS_IN(ignored, index)) {
        *value = 0;
        return true;
    }
    if (index != IA32_APIC_BASE && index != IA32_TSC_DEADLINE && !is_kept(vcpu, index)) {
        log_once(0x100000000 | index, "the guest reads MSR 0x%x, which is not kept: #GP", index);
        return false;
    }
    *value = get_one(vcpu, index);
    return true;
}

/* A guest may switch on only what its CPUID has. */
static bool write_base(struct vcpu *vcpu, uint64_t value)
{
    uint32_t registers[4];

    answer_leaf(vcpu, 1, 0, registers);
    if (value & APIC_BASE_X2APIC && !(registers[2] & CPUID_X2APIC))
        return false;
    return apic_set_base(vcpu, value);
}

/* False: #GP. */
static bool may_write(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
    if (IS_IN(read_only, index) || (index == MISC_FEATURES && value))
        return false;
    if (index == IA32_FEATURE_CONTROL && load(vcpu, index) & FEATURE_CONTROL_LOCKED)
        return false;
    return may_write_machine_check(vcpu, index, value) && may_write_mtrr(vcpu, index, value);
}

bool write_msr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
    if (is_x2apic(index))
        return apic_write_msr(vcpu, index, value);
    if (index == IA32_APIC_BASE)
        return write_base(vcpu, value);
    if (IS_IN(ignored, index))
        return true;
    if (index != IA32_TSC_DEADLINE && !is_kept(vcpu, index)) {
        log_once(0x200000000 | index, "the guest writes MSR 0x%x, which is not kept: #GP", index);
        return false;
    }
    if (!may_write(vcpu, index, value))
        return false;
    /* No microcode is loaded, and the revision stays, whatever is written. SDM: 10.11.7 */
    if (index == IA32_BIOS_UPDT_TRIG || index == IA32_BIOS_SIGN_ID)
        return true;
    set_one(vcpu, index, value);
    if (is_paravirtual_msr(index))
        write_paravirtual_msr(vcpu, index, value);
    return true;
}
