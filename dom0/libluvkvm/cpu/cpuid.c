#include "cpu/cpuid.h"

#include <errno.h>
#include <string.h>

#include "backend.h"
#include "cpu/clock.h"
#include "api/vcpu.h"

enum { EAX, EBX, ECX, EDX };

#define BIT(n) (1u << (n))
#define PARAVIRTUAL 0x40000000u
#define SVM BIT(2)
#define ARCHITECTED (BIT(10) | BIT(14)) /* AMD: IBS, and LWP's place: need MSRs that are not kept */

/* --- What is offered: what the backend can run, with this library's CPUID_APIC, without what nobody here emulates --- */

/* Leaves of the backend's own interface are not offered, but this library's. */
static bool is_offered(const struct kvm_cpuid_entry2 *entry)
{
    return (entry->function & 0xFFFF0000u) != PARAVIRTUAL;
}

/* KVM's signature and features, by which guests find their clock. */
static const struct kvm_cpuid_entry2 paravirtual[] = {
    {.function = PARAVIRTUAL, .eax = PARAVIRTUAL + 1, .ebx = 0x4B4D564B, .ecx = 0x564B4D56, .edx = 0x4D},
    {.function = PARAVIRTUAL + 1, .eax = PARAVIRTUAL_FEATURES},
};

static void adapt(struct kvm_cpuid_entry2 *entry)
{
    if (entry->function == 1) {
        entry->ecx &= ~(CPUID_MONITOR | CPUID_VMX);
        entry->ecx |= CPUID_X2APIC | CPUID_TSC_DEADLINE_TIMER | CPUID_HYPERVISOR;
        entry->edx |= CPUID_APIC;
    } else if (entry->function == 0x80000001u) {
        entry->ecx &= ~(SVM | ARCHITECTED);
    } else if (entry->function == 0x8000000Au) {
        entry->eax = entry->ebx = entry->ecx = entry->edx = 0;
    } else if (entry->function == 10) { /* performance counters: none */
        entry->eax = entry->ebx = entry->ecx = entry->edx = 0;
    }
}

static uint32_t collect(const struct backend *backend, struct kvm_cpuid_entry2 *entries)
{
    struct kvm_cpuid_entry2 all[MAX_LEAVES];
    int found = backend->get_cpuid(all, MAX_LEAVES);
    uint32_t kept = sizeof paravirtual / sizeof *paravirtual;

    memcpy(entries, paravirtual, sizeof paravirtual);
    for (int i = 0; i < found && kept < MAX_LEAVES; i++) {
        if (!is_offered(&all[i]))
            continue;
        entries[kept] = all[i];
        adapt(&entries[kept++]);
    }
    return kept;
}

/* The VMM asks with room for 1, 2, 4 ... until it is enough. */
long get_supported_cpuid(const struct backend *backend, struct kvm_cpuid2 *table)
{
    struct kvm_cpuid_entry2 entries[MAX_LEAVES];
    uint32_t count = collect(backend, entries);

    if (table->nent < count)
        return -E2BIG;
    table->nent = count;
    memcpy(table->entries, entries, count * sizeof *entries);
    return 0;
}

/* --- What the VMM chose --- */

long set_cpuid(struct vcpu *vcpu, const struct kvm_cpuid2 *table)
{
    if (table->nent > MAX_LEAVES)
        return -E2BIG;
    vcpu->cpuid.count = table->nent;
    memcpy(vcpu->cpuid.entries, table->entries, table->nent * sizeof *table->entries);
    return backend(vcpu)->set_cpuid(vcpu, table);
}

long get_cpuid(struct vcpu *vcpu, struct kvm_cpuid2 *table)
{
    if (table->nent < vcpu->cpuid.count)
        return -E2BIG;
    table->nent = vcpu->cpuid.count;
    memcpy(table->entries, vcpu->cpuid.entries, table->nent * sizeof *table->entries);
    return 0;
}

/* --- What the guest sees --- */

static const struct kvm_cpuid_entry2 *find_leaf(struct vcpu *vcpu, uint32_t leaf, uint32_t subleaf)
{
    for (uint32_t i = 0; i < vcpu->cpuid.count; i++) {
        const struct kvm_cpuid_entry2 *entry = &vcpu->cpuid.entries[i];

        if (entry->function == leaf && (!(entry->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || entry->index == subleaf))
            return entry;
    }
    return NULL;
}

/* A leaf behind the last of its class answers as the last basic one, where the vendor is Intel. SDM: CPUID */
static const struct kvm_cpuid_entry2 *find_beyond(struct vcpu *vcpu, uint32_t leaf, uint32_t subleaf)
{
    const struct kvm_cpuid_entry2 *first = find_leaf(vcpu, 0, 0), *class = find_leaf(vcpu, leaf & 0x80000000u, 0);

    if (!first || first->ecx != 0x6C65746Eu || (class && leaf <= class->eax))
        return NULL;
    return find_leaf(vcpu, first->eax, subleaf);
}

void answer_leaf(struct vcpu *vcpu, uint32_t leaf, uint32_t subleaf, uint32_t registers[4])
{
    const struct kvm_cpuid_entry2 *entry = find_leaf(vcpu, leaf, subleaf);

    if (!entry)
        entry = find_beyond(vcpu, leaf, subleaf);
    memset(registers, 0, 4 * sizeof *registers);
    if (!entry)
        return;
    registers[EAX] = entry->eax;
    registers[EBX] = entry->ebx;
    registers[ECX] = entry->ecx;
    registers[EDX] = entry->edx;
    if (leaf == 1 && !apic_is_on(&vcpu->apic))
        registers[EDX] &= ~CPUID_APIC;
}
