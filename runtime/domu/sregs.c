/* Segments, tables and control registers: struct kvm_sregs. */
#include "generated/controls.h"
#include "generated/x86.h"
#include "vmx/events.h"
#include "core/host.h"
#include "domu/registers.h"
#include "core/string.h"
#include "domu/tables.h"

/* struct kvm_segment, struct kvm_dtable, struct kvm_sregs */
struct segment {
    u64 base;
    u32 limit;
    u16 selector;
    u8 type, present, dpl, db, s, l, g, avl, unusable, padding;
};

struct table {
    u64 base;
    u16 limit, padding[3];
};

struct sregs {
    struct segment segments[8];         /* CS DS ES FS GS SS TR LDT */
    struct table gdt, idt;
    u64 cr0, cr2, cr3, cr4, cr8, efer, apic_base, interrupts[4];
};

_Static_assert(sizeof(struct sregs) == 312, "as linux/kvm.h has it");

#define LDT 7
/* The four fields of a segment are apart by the same number for all: SDM appendix B. */
static const struct {
    u16 selector, base, limit, rights;
} fields[8] = {
#define SEGMENT(name) \
    {VMCS_GUEST_##name##_SELECTOR, VMCS_GUEST_##name##_BASE, VMCS_GUEST_##name##_LIMIT, VMCS_GUEST_##name##_ACCESS_RIGHTS}
    SEGMENT(CS), SEGMENT(DS), SEGMENT(ES), SEGMENT(FS), SEGMENT(GS), SEGMENT(SS), SEGMENT(TR), SEGMENT(LDTR),
};

static u64 seen(u16 real, u16 shadow, u16 owned)
{
    u64 mask = vmread(owned);
    return (vmread(real) & ~mask) | (vmread(shadow) & mask);
}

u64 cr0_get(void)
{
    return seen(VMCS_GUEST_CR0, VMCS_CR0_READ_SHADOW, VMCS_CR0_GUEST_HOST_MASK);
}

u64 cr4_get(void)
{
    return seen(VMCS_GUEST_CR4, VMCS_CR4_READ_SHADOW, VMCS_CR4_GUEST_HOST_MASK);
}

/* Caches stay on, whatever a guest thinks of them. SDM: 27.3.2.1 leaves these bits as they are. */
void cr0_set(u64 value)
{
    set_guest_cr0((value & ~(u64)(CR0_CD | CR0_NW)) | CR0_NE | CR0_ET);
    vmwrite(VMCS_CR0_READ_SHADOW, value);
}

void cr4_set(u64 value)
{
    u64 wanted = host_rdmsr(IA32_VMX_CR4_FIXED0) | (host_read_cr4() & CR4_MCE);
    set_guest_cr4((value & ~(u64)(CR4_SMXE | CR4_MCE)) | wanted);
    vmwrite(VMCS_CR4_READ_SHADOW, value);
}

/* Those that work with registers that are switched. What is not known here may well need some that are not. */
#define CR4_SWITCHED                                                                                                        \
    (CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT | \
     CR4_UMIP | CR4_LA57 | CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP | CR4_PKE | CR4_LASS | CR4_LAM_SUP)

u64 cr4_possible(void)
{
    return host_rdmsr(IA32_VMX_CR4_FIXED1) & CR4_SWITCHED;
}

void cr4_permit(struct vcpu *vcpu, u64 bits)
{
    vcpu->cr4_permitted = bits & cr4_possible();
    vmwrite(VMCS_CR4_GUEST_HOST_MASK, DOMU_CR4_OWNED | ~vcpu->cr4_permitted);
}

void efer_set(u64 value)
{
    u64 entry = vmread(VMCS_VM_ENTRY_CONTROLS) & ~(u64)ENTRY_IA32E_MODE_GUEST;
    vmwrite(VMCS_VM_ENTRY_CONTROLS, entry | (value & EFER_LMA ? ENTRY_IA32E_MODE_GUEST : 0));
    set_guest_efer(value);
}

static struct segment segment_get(u32 i)
{
    u32 r = (u32)vmread(fields[i].rights);
    return (struct segment){
        .base = vmread(fields[i].base),
        .limit = (u32)vmread(fields[i].limit),
        .selector = (u16)vmread(fields[i].selector),
        .type = r & ACCESS_RIGHTS_TYPE_MASK,
        .s = r >> 4 & 1,
        .dpl = r >> 5 & 3,
        .avl = r >> 12 & 1,
        .l = r >> 13 & 1,
        .db = r >> 14 & 1,
        .g = r >> 15 & 1,
        .unusable = r >> 16 & 1,
        .present = !(r >> 16 & 1),
    };
}

/* A segment in use has been accessed, as far as the processor is concerned. SDM: 27.3.1.2 */
static u32 rights_of(const struct segment *s, u32 i)
{
    if (s->unusable || !s->present)
        return ACCESS_RIGHTS_UNUSABLE;
    return (s->type & 15u) | (i != LDT) | (s->s & 1u) << 4 | (s->dpl & 3u) << 5 | 1u << 7 | (s->avl & 1u) << 12 |
        (s->l & 1u) << 13 | (s->db & 1u) << 14 | (s->g & 1u) << 15;
}

static void segment_set(u32 i, const struct segment *s)
{
    vmwrite(fields[i].base, s->base);
    vmwrite(fields[i].limit, s->limit);
    vmwrite(fields[i].selector, s->selector);
    vmwrite(fields[i].rights, rights_of(s, i));
}

u32 sregs_get(struct vcpu *vcpu, u8 *area)
{
    struct sregs s = {
        .gdt = {.base = guest_gdtr_base(), .limit = (u16)guest_gdtr_limit()},
        .idt = {.base = guest_idtr_base(), .limit = (u16)guest_idtr_limit()},
        .cr0 = cr0_get(),
        .cr2 = vcpu->state.cr2,
        .cr3 = guest_cr3(),
        .cr4 = cr4_get(),
        .efer = guest_efer(),
    };
    for (u32 i = 0; i < COUNT_OF(s.segments); i++)
        s.segments[i] = segment_get(i);
    memcpy(area, &s, sizeof(s));
    return 0;
}

/* What KVM_SET_SREGS refuses; the rest is the processor's to refuse. */
static bool is_valid(const struct vcpu *vcpu, const struct sregs *s)
{
    bool paged = s->cr0 & CR0_PG, long_mode = s->efer & EFER_LME && paged;
    if (s->cr0 >> 32 || s->cr4 & ~vcpu->cr4_permitted || s->efer & ~(u64)EFER_KNOWN)
        return false;
    if (long_mode != !!(s->efer & EFER_LMA))
        return false;
    return !long_mode || s->cr4 & CR4_PAE;
}

/* What is at a guest's address, or 0. Its tables may be changed meanwhile, but they and its frames stay: the vCPU is held. */
static const u64 *guest_read(const struct domain *domain, u64 guest)
{
    struct place place = tables_find(domain, guest);
    u64 entry = *(volatile u64 *)place.entry;
    if (!(entry & EPT_ENTRY_READ) || !(place.level == 1 || entry & EPT_ENTRY_PAGE))
        return 0;
    return phys((entry & EPT_ENTRY_FRAME_MASK) + (guest & (place.size - 1)));
}

/* The processor took them when CR3 was written; now they are as memory has them. SDM: 5.4.1, 27.3.1.6 */
static void pointers_load(const struct vcpu *vcpu, const struct sregs *s)
{
    static const u16 entries[] = {VMCS_GUEST_PDPTE0, VMCS_GUEST_PDPTE1, VMCS_GUEST_PDPTE2, VMCS_GUEST_PDPTE3};
    if (!(s->cr0 & CR0_PG) || !(s->cr4 & CR4_PAE) || s->efer & EFER_LMA)
        return;
    const u64 *table = guest_read(vcpu->domain, s->cr3 & 0xFFFFFFE0);
    for (u32 i = 0; i < COUNT_OF(entries); i++)
        vmwrite(entries[i], table ? table[i] : 0);
}

static void control_set(struct vcpu *vcpu, const struct sregs *s)
{
    cr0_set(s->cr0);
    cr4_set(s->cr4);
    efer_set(s->efer);
    set_guest_cr3(s->cr3);
    vcpu->state.cr2 = s->cr2;
}

u32 sregs_set(struct vcpu *vcpu, const u8 *area)
{
    struct sregs s;
    memcpy(&s, area, sizeof(s));
    if (!is_valid(vcpu, &s))
        return EINVAL;
    bool pointers = s.cr3 != guest_cr3() || s.cr0 != cr0_get() || s.cr4 != cr4_get();
    for (u32 i = 0; i < COUNT_OF(s.segments); i++)
        segment_set(i, &s.segments[i]);
    set_guest_gdtr_base(s.gdt.base);
    set_guest_gdtr_limit(s.gdt.limit);
    set_guest_idtr_base(s.idt.base);
    set_guest_idtr_limit(s.idt.limit);
    control_set(vcpu, &s);
    if (pointers)
        pointers_load(vcpu, &s);
    return 0;
}
