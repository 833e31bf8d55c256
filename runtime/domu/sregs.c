/* Segments, tables and control registers: struct kvm_sregs. */
#include "domu/state.h"

#include "core/host.h"
#include "core/layout.h"
#include "core/string.h"
#include "domu/memory.h"
#include "vmx/vcpu.h"

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

_Static_assert(sizeof(struct sregs) == LUV_STATE_SREGS_SIZE, "as linux/kvm.h has it");

/* Bits whose features use only registers that are switched. An unknown bit may need others. */
#define CR4_SWITCHED                                                                                                        \
    (CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT | \
     CR4_UMIP | CR4_LA57 | CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP | CR4_PKE | CR4_LASS | CR4_LAM_SUP)

u64 cr4_possible(void)
{
    return host_cr4_possible() & CR4_SWITCHED;
}

void cr4_permit(struct vcpu *vcpu, u64 bits)
{
    vcpu->cr4_permitted = bits & cr4_possible();
    vcpu_set_cr4_permitted(vcpu->cr4_permitted);
}

static struct segment segment_make(u64 base, u64 limit, u64 selector, u64 rights)
{
    u32 r = (u32)rights;
    return (struct segment){
        .base = base,
        .limit = (u32)limit,
        .selector = (u16)selector,
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

/* The processor insists that a usable segment has its accessed bit set. SDM: 27.3.1.2 */
static u32 rights_of(const struct segment *s, bool is_ldt)
{
    if (s->unusable || !s->present)
        return ACCESS_RIGHTS_UNUSABLE;
    return (s->type & 15u) | !is_ldt | (s->s & 1u) << 4 | (s->dpl & 3u) << 5 | 1u << 7 | (s->avl & 1u) << 12 |
        (s->l & 1u) << 13 | (s->db & 1u) << 14 | (s->g & 1u) << 15;
}

static void bases_set(const struct segment *s)
{
    set_guest_cs_base(s[0].base);
    set_guest_ds_base(s[1].base);
    set_guest_es_base(s[2].base);
    set_guest_fs_base(s[3].base);
    set_guest_gs_base(s[4].base);
    set_guest_ss_base(s[5].base);
    set_guest_tr_base(s[6].base);
    set_guest_ldtr_base(s[7].base);
}

static void limits_set(const struct segment *s)
{
    set_guest_cs_limit(s[0].limit);
    set_guest_ds_limit(s[1].limit);
    set_guest_es_limit(s[2].limit);
    set_guest_fs_limit(s[3].limit);
    set_guest_gs_limit(s[4].limit);
    set_guest_ss_limit(s[5].limit);
    set_guest_tr_limit(s[6].limit);
    set_guest_ldtr_limit(s[7].limit);
}

static void selectors_set(const struct segment *s)
{
    set_guest_cs_selector(s[0].selector);
    set_guest_ds_selector(s[1].selector);
    set_guest_es_selector(s[2].selector);
    set_guest_fs_selector(s[3].selector);
    set_guest_gs_selector(s[4].selector);
    set_guest_ss_selector(s[5].selector);
    set_guest_tr_selector(s[6].selector);
    set_guest_ldtr_selector(s[7].selector);
}

static void rights_set(const struct segment *s)
{
    set_guest_cs_access(rights_of(&s[0], false));
    set_guest_ds_access(rights_of(&s[1], false));
    set_guest_es_access(rights_of(&s[2], false));
    set_guest_fs_access(rights_of(&s[3], false));
    set_guest_gs_access(rights_of(&s[4], false));
    set_guest_ss_access(rights_of(&s[5], false));
    set_guest_tr_access(rights_of(&s[6], false));
    set_guest_ldtr_access(rights_of(&s[7], true));
}

u32 sregs_get(struct vcpu *vcpu, u8 *area)
{
    struct sregs s = {
        .segments =
            {
                segment_make(guest_cs_base(), guest_cs_limit(), guest_cs_selector(), guest_cs_access()),
                segment_make(guest_ds_base(), guest_ds_limit(), guest_ds_selector(), guest_ds_access()),
                segment_make(guest_es_base(), guest_es_limit(), guest_es_selector(), guest_es_access()),
                segment_make(guest_fs_base(), guest_fs_limit(), guest_fs_selector(), guest_fs_access()),
                segment_make(guest_gs_base(), guest_gs_limit(), guest_gs_selector(), guest_gs_access()),
                segment_make(guest_ss_base(), guest_ss_limit(), guest_ss_selector(), guest_ss_access()),
                segment_make(guest_tr_base(), guest_tr_limit(), guest_tr_selector(), guest_tr_access()),
                segment_make(guest_ldtr_base(), guest_ldtr_limit(), guest_ldtr_selector(), guest_ldtr_access()),
            },
        .gdt = {.base = guest_gdtr_base(), .limit = (u16)guest_gdtr_limit()},
        .idt = {.base = guest_idtr_base(), .limit = (u16)guest_idtr_limit()},
        .cr0 = guest_cr0_seen(),
        .cr2 = vcpu->state.cr2,
        .cr3 = guest_cr3(),
        .cr4 = guest_cr4_seen(),
        .efer = guest_efer(),
    };
    memcpy(area, &s, sizeof(s));
    return 0;
}

/* What KVM_SET_SREGS refuses; the rest the VM entry refuses. */
static bool is_valid(const struct vcpu *vcpu, const struct sregs *s)
{
    bool paged = s->cr0 & CR0_PG, long_mode = s->efer & EFER_LME && paged;
    if (s->cr0 >> 32 || s->cr4 & ~vcpu->cr4_permitted || s->efer & ~(u64)EFER_KNOWN)
        return false;
    if (long_mode != !!(s->efer & EFER_LMA))
        return false;
    return !long_mode || s->cr4 & CR4_PAE;
}

/* What the guest has at an address, or 0. Its tables may change meanwhile, but are not freed while a vCPU is acquired. */
static const u64 *guest_read(const struct domain *domain, u64 guest)
{
    struct place place = tables_find(domain, guest);
    u64 entry = *(volatile u64 *)place.entry;
    if (!(entry & NESTED_READ) || !(place.level == 1 || entry & NESTED_LARGE))
        return 0;
    return phys((entry & NESTED_FRAME_MASK) + (guest & (place.size - 1)));
}

/* The guest's processor loaded them from memory when it wrote CR3. SDM: 5.4.1, 27.3.1.6 */
static void pointers_load(const struct vcpu *vcpu, const struct sregs *s)
{
    static const u64 absent[4];
    if (!(s->cr0 & CR0_PG) || !(s->cr4 & CR4_PAE) || s->efer & EFER_LMA)
        return;
    const u64 *table = guest_read(vcpu->domain, s->cr3 & 0xFFFFFFE0);
    set_guest_pdptes(table ? table : absent);
}

static void control_set(struct vcpu *vcpu, const struct sregs *s)
{
    vcpu_set_cr0(s->cr0);
    vcpu_set_cr4(s->cr4);
    vcpu_set_efer(s->efer);
    set_guest_cr3(s->cr3);
    vcpu->state.cr2 = s->cr2;
}

u32 sregs_set(struct vcpu *vcpu, const u8 *area)
{
    struct sregs s;
    memcpy(&s, area, sizeof(s));
    if (!is_valid(vcpu, &s))
        return EINVAL;
    bool pointers = s.cr3 != guest_cr3() || s.cr0 != guest_cr0_seen() || s.cr4 != guest_cr4_seen();
    bases_set(s.segments);
    limits_set(s.segments);
    selectors_set(s.segments);
    rights_set(s.segments);
    set_guest_gdtr_base(s.gdt.base);
    set_guest_gdtr_limit(s.gdt.limit);
    set_guest_idtr_base(s.idt.base);
    set_guest_idtr_limit(s.idt.limit);
    control_set(vcpu, &s);
    if (pointers)
        pointers_load(vcpu, &s);
    return 0;
}
