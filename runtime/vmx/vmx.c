#include "vmx/vmx.h"

#include "core/cpu.h"
#include "generated/vmx/controls.h"
#include "generated/vmx/dom0.h"
#include "generated/vmx/host.h"
#include "generated/vmx/fields_init.h"
#include "generated/x86/x86.h"
#include "core/host.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/string.h"
#include "core/traps.h"
#include "vmx/msr_bitmap.h"
#include "vmx/state.h"

/* Bits of a control word that may be 1, and bits that must be. SDM: A.2 */
struct allowed {
    u64 one, must;
};

static struct allowed allowed_read(const struct control_choice *c)
{
    bool use_true = c->true_msr && host_rdmsr(IA32_VMX_BASIC) & BASIC_TRUE_CONTROLS;
    u64 value = host_rdmsr_try(use_true ? c->true_msr : c->msr).value;
    return c->allowed1_only ? (struct allowed){value, 0} : (struct allowed){value >> 32, (u32)value};
}

static void control_refuse(const struct control_choice *c, const char *why, u64 bits)
{
    if (!bits)
        return;
    panic_print("luvalley: error[control]: ", 0, 0);
    panic_print(c->name, 0, 0);
    panic_print(why, bits, 0);
}

static bool control_grant(const struct control_choice *c, u64 *word)
{
    struct allowed a = allowed_read(c);
    u64 wanted = c->on | (c->prefer & a.one);
    u64 missing = (c->on | c->switched) & ~a.one, forced = a.must & ~(wanted | c->switched | c->default1);
    control_refuse(c, " lacks bits %\n", missing);
    control_refuse(c, " has forced bits %\n", forced);
    *word = wanted | a.must;
    return !missing && !forced;
}

bool controls_grant(const struct control_choice *choices, u64 *words, u32 count)
{
    bool all = true;
    for (u32 i = 0; i < count; i++)
        all &= control_grant(&choices[i], &words[i]);
    return all;
}

u64 controls_word(u16 field)
{
    for (u32 i = 0; i < DOM0_CONTROL_WORDS; i++)
        if (dom0_controls[i].field == field)
            return dom0_control_word[i];
    return 0;
}

static u32 vmcs_revision(void)
{
    return host_rdmsr(IA32_VMX_BASIC) & BASIC_REVISION_MASK;
}

bool vmcs_create(u64 address)
{
    u8 *page = hv_virt(address);
#ifdef POISON_VMCS
    memset(page, 0xff, PAGE_SIZE);      /* `build --poison`: a field that nothing writes must not happen to be 0 */
#endif
    *(u32 *)page = vmcs_revision();
    return vmclear(address);
}

/* SDM: 24.7 */
static void vmx_enable(struct cpu *cpu)
{
    u64 feature = host_rdmsr(IA32_FEATURE_CONTROL);
    if (!(feature & FEATURE_CONTROL_LOCK))
        host_wrmsr(IA32_FEATURE_CONTROL, feature | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX_OUTSIDE_SMX);
    host_write_cr0(host_read_cr0() | host_rdmsr(IA32_VMX_CR0_FIXED0));
    host_write_cr4(host_read_cr4() | host_rdmsr(IA32_VMX_CR4_FIXED0));

    struct cpu_block *block = cpu_block(cpu);
    *(u32 *)block->host_area = vmcs_revision();
    u64 vmcs = hv_phys(block->control_page);
    if (!vmxon(hv_phys(block->host_area)) || !vmcs_create(vmcs) || !vmptrld(vmcs))
        panic(0, "VMXON or VMPTRLD failed");
    cpu->guest_mode = true;
}

void controls_write(const struct control_choice *choices, const u64 *words, u32 count)
{
    for (u32 i = 0; i < count; i++)
        if (words[i])
            vmwrite(choices[i].field, words[i]);
}

void host_place_write(struct cpu *cpu)
{
    vmwrite(VMCS_HOST_GS_BASE, (u64)&cpu->self);
    vmwrite(VMCS_HOST_TR_BASE, (u64)&cpu->tss);
    vmwrite(VMCS_HOST_GDTR_BASE, (u64)cpu->gdt);
}

void host_state_write(struct cpu *cpu, void (*arrive)(void))
{
    host_constants_write();
    vmwrite(VMCS_HOST_CR0, host_read_cr0());
    vmwrite(VMCS_HOST_CR3, host_read_cr3());
    vmwrite(VMCS_HOST_CR4, host_read_cr4());
    host_place_write(cpu);
    vmwrite(VMCS_HOST_IDTR_BASE, traps_base());
    vmwrite(VMCS_HOST_RSP, (u64)cpu);
    vmwrite(VMCS_HOST_RIP, (u64)arrive);
}

static void execution_write(struct cpu *cpu)
{
    vmwrite(VMCS_VMCS_LINK_POINTER, ~0ull);
    set_msr_bitmap(dom0_msr_bitmap);
    vmwrite(VMCS_IO_BITMAP_A_ADDRESS, hv_phys(dom0_io_bitmap));
    vmwrite(VMCS_IO_BITMAP_B_ADDRESS, hv_phys(dom0_io_bitmap + PAGE_SIZE));
    vmwrite(VMCS_EXCEPTION_BITMAP, DOM0_EXCEPTION_BITMAP);
    vmwrite(VMCS_CR0_GUEST_HOST_MASK, DOM0_CR0_OWNED);
    vmwrite(VMCS_CR4_GUEST_HOST_MASK, DOM0_CR4_OWNED);
    vmwrite(VMCS_EPT_POINTER, cpu->nested_pointer);
    if (controls_word(VMCS_SECONDARY_CONTROLS) & SECONDARY_ENABLE_VPID)
        vmwrite(VMCS_VPID, cpu->index + 1);
}

bool guest_mode_init(void)
{
    return controls_grant(dom0_controls, dom0_control_word, DOM0_CONTROL_WORDS);
}

void guest_mode_start(struct cpu *cpu)
{
    vmx_enable(cpu);
    dom0_fields_init();
    controls_write(dom0_controls, dom0_control_word, DOM0_CONTROL_WORDS);
    host_state_write(cpu, dom0_exit);
    execution_write(cpu);
    msr_areas_write(cpu);
}

u64 host_cr4_possible(void)
{
    return host_rdmsr(IA32_VMX_CR4_FIXED1);
}

bool nested_has_1g(void)
{
    return host_rdmsr(IA32_VMX_EPT_VPID_CAP) & EPT_PAGE_1G;
}

bool nested_has_dirty(void)
{
    return host_rdmsr(IA32_VMX_EPT_VPID_CAP) & EPT_ACCESSED_DIRTY;
}

/* Bits that VMX operation requires in CR0 and CR4, but for those that unrestricted guests may clear. SDM: A.7, A.8 */
static void fixed_bits_add(void)
{
    u64 cr0 = host_rdmsr(IA32_VMX_CR0_FIXED0) & ~(u64)(CR0_PE | CR0_PG);
    set_guest_cr0(guest_cr0() | cr0);
    set_guest_cr4(guest_cr4() | host_rdmsr(IA32_VMX_CR4_FIXED0));
}

void guest_state_reset(struct cpu *cpu)
{
    dom0_reset_state(cpu);
    vmwrite(VMCS_VM_ENTRY_CONTROLS, controls_word(VMCS_VM_ENTRY_CONTROLS));
    fixed_bits_add();
    clear_entry_event();
}

/* An NMI in between finds no current VMCS; nmi_update_controls, which comes after, sees it pending. */
void guest_state_reload(struct cpu *cpu)
{
    u64 vmcs = hv_phys(cpu_block(cpu)->control_page);
    cpu->guest_mode = false;
    vmclear(vmcs);
    vmptrld(vmcs);
    cpu->guest_mode = true;
    if (controls_word(VMCS_SECONDARY_CONTROLS) & SECONDARY_ENABLE_VPID)
        invvpid_single((u16)vmread(VMCS_VPID));
}

void vmresume_failed(struct cpu *cpu)
{
    panic_at(cpu, "VM entry refused with VM-instruction error %", vmread(VMCS_VM_INSTRUCTION_ERROR), 0);
}
