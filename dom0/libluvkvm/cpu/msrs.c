#include "cpu/msrs.h"

#include <errno.h>
#include <string.h>

#include "cpu/clock.h"
#include "api/log.h"
#include "cpu/machine_checks.h"
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

/* What a guest may read and write although nothing happens, in the manuals' order: machine check addresses and types; platform id;
 * FEATURE_CONTROL; microcode; SMI count; MTRRs; machine check; MISC_ENABLE; DEBUGCTL and last branches; machine check banks;
 * AMD's configuration registers. */
static const struct range stored[] = {
    {0x00, 0x01},
    {0x17, 0x17},
    {0x2A, 0x2A},
    {0x34, 0x34},
    {0x3A, 0x3A},
    {0x79, 0x79},
    {0x8B, 0x8B},
    {0xCE, 0xCE},
    {0xFE, 0xFE},
    {0x10A, 0x10A},
    {0x11E, 0x11E},
    {0x140, 0x140},
    {0x179, 0x17B},
    {0x198, 0x19C},
    {0x1A0, 0x1A0},
    {0x1D9, 0x1D9},
    {0x1DB, 0x1DE},
    {0x200, 0x21F},
    {0x250, 0x250},
    {0x258, 0x259},
    {0x268, 0x26F},
    {0x280, 0x29F},
    {0x2FF, 0x2FF},
    {0x400, 0x47F},
    {0xC0010010, 0xC0010010},
    {0xC0010015, 0xC001001F},
    {0xC0010055, 0xC0010055},
    {0xC0010112, 0xC0010114},
    {0xC0010117, 0xC0010117},
    {0xC0010140, 0xC0010141},
    {0xC0011020, 0xC001102F},
};

/* Performance counters that every processor of their kind has: there are none here, so they read 0 and swallow writes. */
static const struct range ignored[] = {{0xC1, 0xC2}, {0x186, 0x187}, {0xC0010000, 0xC0010007}};

/* What they hold before anyone writes them. */
static const struct kvm_msr_entry initial[] = {
    {.index = 0x8B, .data = 0x100000000}, /* microcode revision 1 */
    {.index = 0xFE, .data = 0x508}, /* MTRRCAP: 8 ranges, fixed ones, write combining */
    {.index = 0x1A0, .data = 1}, /* MISC_ENABLE: fast strings */
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
    if (!may_write_machine_check(vcpu, index, value))
        return false;
    set_one(vcpu, index, value);
    if (is_paravirtual_msr(index))
        write_paravirtual_msr(vcpu, index, value);
    return true;
}
