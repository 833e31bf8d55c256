/* CPUID: what this machine has and a guest can use, and what the guest's table and its control registers make of it. */
#include <cpuid.h>
#include <errno.h>
#include <string.h>

#include "luvalley/cpuid.h"
#include "luvalley/state_area.h"
#include "generated/x86/x86.h"

#define BIT(n) (1u << (n))
#define ALL ~0u
#define XSAVE_HEADER_END 576u

/* --- Supported CPUID: what is not listed here is hidden --- */

struct offer {
    uint32_t leaf, subleaf, eax, ebx, ecx, edx; /* bits that pass */
};

/* 1: no DTES, MONITOR, VMX, SMX, PDCM; no debug store, thermal, PBE. 6: ARAT. 7: no HLE, RTM, SGX, PQM, MPX, PT; of EDX also
 * the speculation controls, whose MSRs are the guest's own. */
static const struct offer offers[] = {
    {0x0, 0, ALL, ALL, ALL, ALL},
    {0x1, 0, ALL, 0xFF00, 0x76DA3203, 0x078BFBFF | BIT(27)},
    {0x2, 0, ALL, ALL, ALL, ALL},
    {0x6, 0, BIT(2), 0, 0, 0},
    {0x7, 0, 0, 0xF1BC07A9 | BIT(1), 0x0041DF0E | BIT(16), 0x8C00001C | BIT(8) | BIT(23)},
    {0x80000000, 0, ALL, 0, 0, 0},
    {0x80000001, 0, ALL, 0, 0x00000121, 0x2C100800},
    {0x80000002, 0, ALL, ALL, ALL, ALL},
    {0x80000003, 0, ALL, ALL, ALL, ALL},
    {0x80000004, 0, ALL, ALL, ALL, ALL},
    {0x80000005, 0, ALL, ALL, ALL, ALL},
    {0x80000006, 0, ALL, ALL, ALL, ALL},
    {0x80000007, 0, 0, 0, 0, BIT(8)},
    {0x80000008, 0, 0xFFFF, 0, 0, 0},
};

struct collection {
    struct kvm_cpuid_entry2 *entries;
    int count, max;
};

static struct kvm_cpuid_entry2 read_leaf(uint32_t leaf, uint32_t subleaf)
{
    struct kvm_cpuid_entry2 entry = {.function = leaf, .index = subleaf};

    __cpuid_count(leaf, subleaf, entry.eax, entry.ebx, entry.ecx, entry.edx);
    return entry;
}

static void add_entry(struct collection *all, struct kvm_cpuid_entry2 entry)
{
    if (all->count < all->max)
        all->entries[all->count++] = entry;
}

static void add_offer(struct collection *all, const struct offer *offer)
{
    struct kvm_cpuid_entry2 entry = read_leaf(offer->leaf, offer->subleaf);

    if (offer->leaf == 7)
        entry.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
    entry.eax &= offer->eax;
    entry.ebx &= offer->ebx;
    entry.ecx &= offer->ecx;
    entry.edx &= offer->edx;
    if (offer->leaf == 0 && entry.eax > CPUID_LEAF_XSAVE)
        entry.eax = CPUID_LEAF_XSAVE;
    if (offer->leaf == 0x80000000 && entry.eax > 0x80000008)
        entry.eax = 0x80000008;
    add_entry(all, entry);
}

/* Caches, as far as they go. */
static void add_caches(struct collection *all)
{
    for (uint32_t i = 0; i < 8; i++) {
        struct kvm_cpuid_entry2 entry = read_leaf(4, i);

        entry.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
        add_entry(all, entry);
        if (!(entry.eax & 31))
            break;
    }
}

/* The parts of extended state that the hypervisor switches; XSAVEOPT, XSAVEC and XGETBV with ECX 1, not XSAVES. */
static void add_xsave(struct collection *all)
{
    uint64_t offered = get_info(LUV_INFO_XCR0);
    struct kvm_cpuid_entry2 entry = read_leaf(CPUID_LEAF_XSAVE, 0);

    entry.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
    entry.eax = (uint32_t)offered;
    entry.edx = (uint32_t)(offered >> 32);
    entry.ebx = XSAVE_HEADER_END;
    entry.ecx = (uint32_t)get_info(LUV_INFO_XSAVE_SIZE);
    add_entry(all, entry);
    entry = read_leaf(CPUID_LEAF_XSAVE, 1);
    entry.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
    entry.eax &= 7;
    entry.ebx = entry.ecx = entry.edx = 0;
    add_entry(all, entry);
    for (uint32_t i = 2; i < 63; i++) {
        if (!(offered >> i & 1))
            continue;
        entry = read_leaf(CPUID_LEAF_XSAVE, i);
        entry.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
        entry.ecx &= ~1u;
        add_entry(all, entry);
    }
}

int vmcall_get_cpuid(struct kvm_cpuid_entry2 *entries, int max)
{
    struct collection all = {entries, 0, max};
    uint32_t last = read_leaf(0, 0).eax, last_extended = read_leaf(0x80000000, 0).eax;

    for (unsigned i = 0; i < sizeof offers / sizeof *offers; i++)
        if (offers[i].leaf <= (offers[i].leaf >> 31 ? last_extended : last))
            add_offer(&all, &offers[i]);
    if (last >= 4)
        add_caches(&all);
    if (last >= CPUID_LEAF_XSAVE)
        add_xsave(&all);
    return all.count;
}

/* --- What the guest's table permits --- */

struct permission {
    uint64_t cr4;
    uint32_t leaf;
    unsigned which, bit; /* register: EAX, EBX, ECX, EDX */
};

/* SDM: 2.5 */
static const struct permission permissions[] = {
    {0x3, 1, 3, 1},      {0x4, 1, 3, 4},     {0x8, 1, 3, 2},      {0x10, 1, 3, 3},         {0x20, 1, 3, 6},
    {0x40, 1, 3, 7},     {0x80, 1, 3, 13},   {0x200, 1, 3, 24},   {0x400, 1, 3, 25},       {1 << 11, 7, 2, 2},
    {1 << 12, 7, 2, 16}, {1 << 16, 7, 1, 0}, {1 << 17, 1, 2, 17}, {CR4_OSXSAVE, 1, 2, 26}, {1 << 20, 7, 1, 7},
    {1 << 21, 7, 1, 20}, {CR4_PKE, 7, 2, 3},
};

static uint64_t find_permitted(struct vcpu *vcpu)
{
    uint64_t permitted = CR4_PCE;
    uint32_t registers[4];

    for (unsigned i = 0; i < sizeof permissions / sizeof *permissions; i++) {
        answer_leaf(vcpu, permissions[i].leaf, 0, registers);
        if (registers[permissions[i].which] >> permissions[i].bit & 1)
            permitted |= permissions[i].cr4;
    }
    return permitted;
}

/* What goes with a bit of the table, or with any of several. SDM: CPUID */
static const struct {
    uint32_t leaf, subleaf;
    unsigned which, bit;
    uint32_t hide;
} features[] = {
    {7, 0, 1, 10, LUV_HIDE_INVPCID},     {0x80000001, 0, 3, 27, LUV_HIDE_RDTSCP},
    {7, 0, 2, 22, LUV_HIDE_RDTSCP},      {CPUID_LEAF_XSAVE, 1, 0, 3, LUV_HIDE_XSAVES},
    {7, 0, 3, 26, LUV_HIDE_SPECULATION}, {7, 0, 3, 27, LUV_HIDE_SPECULATION},
    {7, 0, 3, 31, LUV_HIDE_SPECULATION},
};

static uint32_t find_hidden(struct vcpu *vcpu)
{
    uint32_t hidden = LUV_HIDE_ALL, registers[4];

    for (unsigned i = 0; i < sizeof features / sizeof *features; i++) {
        answer_leaf(vcpu, features[i].leaf, features[i].subleaf, registers);
        if (registers[features[i].which] >> features[i].bit & 1)
            hidden &= ~features[i].hide;
    }
    return hidden;
}

/* The hypervisor's controls of the vCPU: exceptions for a debugger, CR4, and what the guest's CPUID does not have. */
int set_controls(struct vcpu *vcpu)
{
    struct vmcall_vcpu *own = get_own(vcpu);
    struct {
        uint32_t exceptions, flags;
        uint64_t tsc_khz, cr4;
    } controls = {.flags = own->hidden, .cr4 = own->cr4_permitted};

    if (own->debug.control & KVM_GUESTDBG_SINGLESTEP)
        controls.exceptions |= BIT(VECTOR_DB);
    if (own->debug.control & KVM_GUESTDBG_USE_SW_BP)
        controls.exceptions |= BIT(VECTOR_BP);
    memcpy(own->area, &controls, sizeof controls);
    return transfer_state(vcpu, true, LUV_STATE_CONTROLS, sizeof controls);
}

int vmcall_set_cpuid(struct vcpu *vcpu, const struct kvm_cpuid2 *table)
{
    (void)table; /* api/ has stored it */
    get_own(vcpu)->cr4_permitted = find_permitted(vcpu);
    get_own(vcpu)->hidden = find_hidden(vcpu);
    return set_controls(vcpu);
}

/* Of what is offered, no more than the guest's CPUID has. The hypervisor checks the rest. */
bool set_xcr0(struct vcpu *vcpu, uint32_t which, uint64_t value)
{
    struct vmcall_vcpu *own = get_own(vcpu);
    uint32_t registers[4];

    answer_leaf(vcpu, CPUID_LEAF_XSAVE, 0, registers);
    if (which || (vcpu->cpuid.count && value & ~((uint64_t)registers[3] << 32 | registers[0] | 1)))
        return false;
    memcpy(own->area, &value, sizeof value);
    if (transfer_state(vcpu, true, LUV_STATE_XCR0, sizeof value))
        return false;
    own->xcr0 = value;
    return true;
}

/* --- What the guest sees --- */

/* Bits that follow CR4. SDM: CPUID */
static void follow_cr4(struct vcpu *vcpu, uint32_t registers[4])
{
    uint64_t cr4 = get_own(vcpu)->run->mode.cr4;

    if (cr4 == CR4_UNKNOWN && !transfer_state(vcpu, false, LUV_STATE_SREGS, sizeof(struct kvm_sregs)))
        cr4 = ((const struct kvm_sregs *)(const void *)get_own(vcpu)->area)->cr4;
    if (vcpu->leaf == 1)
        registers[2] = (registers[2] & ~BIT(27)) | (cr4 & CR4_OSXSAVE ? BIT(27) : 0);
    else
        registers[2] = (registers[2] & ~BIT(4)) | (cr4 & CR4_PKE ? BIT(4) : 0);
}

/* The size of what XCR0 has now: to the end of its last part. */
static void follow_xcr0(struct vcpu *vcpu, uint32_t registers[4])
{
    uint32_t part[4], size = XSAVE_HEADER_END;

    for (uint32_t i = 2; i < 63; i++) {
        if (!(get_own(vcpu)->xcr0 >> i & 1))
            continue;
        answer_leaf(vcpu, CPUID_LEAF_XSAVE, i, part);
        size = part[1] + part[0] > size ? part[1] + part[0] : size;
    }
    registers[1] = size;
}

void vmcall_answer_cpuid(struct vcpu *vcpu, const uint32_t answered[4])
{
    struct luv_run *run = get_own(vcpu)->run;
    uint32_t registers[4];

    memcpy(registers, answered, sizeof registers);
    if (vcpu->leaf == 1 || (vcpu->leaf == 7 && !vcpu->subleaf))
        follow_cr4(vcpu, registers);
    else if (vcpu->leaf == CPUID_LEAF_XSAVE && !vcpu->subleaf && registers[0])
        follow_xcr0(vcpu, registers);
    run->rax = registers[0];
    run->rbx = registers[1];
    run->rcx = registers[2];
    run->rdx = registers[3];
    run->finish = LUV_FINISH_ADVANCE;
}
