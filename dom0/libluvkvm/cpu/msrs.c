#include "cpu/msrs.h"

#include <errno.h>
#include <string.h>

#include "cpu/clock.h"
#include "api/log.h"
#include "cpu/machine_checks.h"
#include "cpu/mtrrs.h"
#include "api/vcpu.h"

#define CPUID_1_ECX_X2APIC (1u << 21)

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
        {0x10, 0x10},
        {0x3B, 0x3B},
        {0x48, 0x48},
        {0x174, 0x176},
        {0x277, 0x277},
        {0xDA0, 0xDA0},
        {0xC0000080, 0xC0000084},
        {0xC0000100, 0xC0000103},
    };

    return IS_IN(machine, index);
}

/* What a guest may read and mostly write although nothing happens, in the manuals' order: machine check addresses and types;
 * platform id; FEATURE_CONTROL; microcode; SMI count; MTRRs; machine check; MISC_ENABLE; DEBUGCTL and last branches; machine check
 * banks; RAPL; AMD's configuration registers. What KVM reads for a guest is among them. */
static const struct range stored[] = {
    {0x00, 0x01},
    {0x17, 0x17},
    {0x2A, 0x2A},
    {0x2C, 0x2C},
    {0x34, 0x34},
    {0x3A, 0x3A},
    {0x79, 0x79},
    {0x8B, 0x8B},
    {0xCD, 0xCE},
    {0xFE, 0xFE},
    {0x10A, 0x10A},
    {0x11E, 0x11E},
    {0x140, 0x140},
    {0x179, 0x17B},
    {0x198, 0x19C},
    {0x1A0, 0x1A0},
    {0x1D9, 0x1D9},
    {0x1DB, 0x1DE},
    {0x1FC, 0x1FC},
    {0x200, 0x20F},
    {0x250, 0x250},
    {0x258, 0x259},
    {0x268, 0x26F},
    {0x280, 0x29F},
    {0x2FF, 0x2FF},
    {0x400, 0x47F},
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
    {0x17, 0x17},   {0x2A, 0x2A},   {0x2C, 0x2C},   {0x34, 0x34},   {0xCD, 0xCE},   {0xFE, 0xFE},   {0x10A, 0x10A},
    {0x198, 0x198}, {0x1DB, 0x1DE}, {0x606, 0x606}, {0x611, 0x611}, {0x619, 0x619}, {0x639, 0x639}, {0x641, 0x641},
};

/* Performance counters that every processor of their kind has: there are none here, so they read 0 and swallow writes. So does
 * AMD's register that loads microcode. */
static const struct range ignored[] = {{0xC1, 0xC2}, {0x186, 0x187}, {0xC0010000, 0xC0010007}, {0xC0010020, 0xC0010020}};

/* Microcode is loaded by the one, which nothing comes of; the other has its revision, whatever is written. SDM: 10.11.7 */
#define MSR_UPDATE 0x79u
#define MSR_REVISION 0x8Bu
#define MSR_FEATURE_CONTROL 0x3Au
#define FEATURE_CONTROL_LOCKED 1u
#define MSR_MISC_FEATURES 0x140u /* its only feature, faults of CPUID, is not offered */

/* What they hold before anyone writes them. */
static const struct kvm_msr_entry initial[] = {
    {.index = 0x8B, .data = 0x100000000}, /* microcode revision 1 */
    {.index = 0xFE, .data = MTRR_CAPABILITIES},
    {.index = 0x1A0, .data = 1}, /* MISC_ENABLE: fast strings */
    {.index = 0x2C, .data = 1 << 24}, /* the bus: 133 MHz, and so by 0xCD; as KVM has it */
    {.index = 0xCD, .data = 3},
    {.index = 0x11E, .data = 0xBE702111}, /* BBL_CR_CTL3: a second-level cache that is on */
    {.index = 0x198, .data = 0x400000003E8}, /* PERF_STATUS: a multiplier that does not change */
    {.index = 0xC001001B, .data = 0x20000000}, /* CLK_CTL: as a processor has it from reset on */
    {.index = 0x3A, .data = 1}, /* FEATURE_CONTROL: locked, nothing on */
};

/* What the VMM asks for by name; it saves and restores these. */
static const uint32_t listed[] = {
    0x10,  0x1B,  0x3B,       0x3A,       0x174,      0x175,      0x176,      0x179,      0x17A,      0x1A0,      0x277,
    0x2FF, 0x6E0, 0xC0000080, 0xC0000081, 0xC0000082, 0xC0000083, 0xC0000084, 0xC0000100, 0xC0000101, 0xC0000102, 0xC0000103,
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
    return index == 0x179 ? vcpu->mcg_cap : 0;
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
    if (index == MSR_APIC_BASE)
        return vcpu->apic.base;
    if (index == MSR_TSC_DEADLINE)
        return vcpu->apic.tsc_due;
    return load(vcpu, index);
}

static void set_one(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
    if (is_machine_msr(index) && !backend(vcpu)->set_msr(vcpu, index, value))
        return;
    if (index == MSR_APIC_BASE)
        apic_set_base(vcpu, value);
    else if (index == MSR_TSC_DEADLINE)
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
    return index >= MSR_X2APIC_FIRST && index <= MSR_X2APIC_LAST;
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
    if (index != MSR_APIC_BASE && index != MSR_TSC_DEADLINE && !is_kept(vcpu, index)) {
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
    if (value & APIC_BASE_X2 && !(registers[2] & CPUID_1_ECX_X2APIC))
        return false;
    return apic_set_base(vcpu, value);
}

/* False: #GP. */
static bool may_write(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
    if (IS_IN(read_only, index) || (index == MSR_MISC_FEATURES && value))
        return false;
    if (index == MSR_FEATURE_CONTROL && load(vcpu, index) & FEATURE_CONTROL_LOCKED)
        return false;
    return may_write_machine_check(vcpu, index, value) && may_write_mtrr(vcpu, index, value);
}

bool write_msr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
    if (is_x2apic(index))
        return apic_write_msr(vcpu, index, value);
    if (index == MSR_APIC_BASE)
        return write_base(vcpu, value);
    if (IS_IN(ignored, index))
        return true;
    if (index != MSR_TSC_DEADLINE && !is_kept(vcpu, index)) {
        log_once(0x200000000 | index, "the guest writes MSR 0x%x, which is not kept: #GP", index);
        return false;
    }
    if (!may_write(vcpu, index, value))
        return false;
    if (index == MSR_UPDATE || index == MSR_REVISION)
        return true;
    set_one(vcpu, index, value);
    if (is_paravirtual_msr(index))
        write_paravirtual_msr(vcpu, index, value);
    return true;
}
