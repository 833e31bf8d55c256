/* Performs a VM entry with every state of the table, and prints how each entry ended. */
#include "generated/vmx/fields.h"
#include "table.h"

/* Fixed addresses: tests/host/entry/table.py has them too. */
#define EPT_TABLES ((volatile u64 *)0x400000)
#define REGION_VMCS 0x402000ull
#define REGION_VMXON 0x403000ull
#define VIRTUAL_TPR ((volatile u8 *)0x404080)
#define VMCALL 0xC1010Fu

u32 vm_enter(void);
extern u8 vm_exit[];

static u64 vmread(u64 field)
{
    u64 value;
    __asm__ volatile("vmread %1, %0" : "=r"(value) : "r"(field) : "cc");
    return value;
}

static void vmwrite(u64 field, u64 value)
{
    __asm__ volatile("vmwrite %1, %0" : : "r"(field), "r"(value) : "cc", "memory");
}

static void operation_enter(void)
{
    u64 revision = (u32)rdmsr(IA32_VMX_BASIC), address = REGION_VMXON;
    write_cr0(read_cr0() | rdmsr(IA32_VMX_CR0_FIXED0));
    write_cr4(read_cr4() | rdmsr(IA32_VMX_CR4_FIXED0));
    *(volatile u32 *)REGION_VMXON = (u32)revision;
    *(volatile u32 *)REGION_VMCS = (u32)revision;
    __asm__ volatile("vmxon %0" : : "m"(address) : "cc", "memory");
}

static void vmcs_clear(void)
{
    u64 address = REGION_VMCS;
    __asm__ volatile("vmclear %0; vmptrld %0" : : "m"(address) : "cc", "memory");
    for (u32 i = 0; i < field_count; i++)
        vmwrite(fields[i], 0);
}

/* Four identical GiB, writeback. */
static void ept_make(void)
{
    EPT_TABLES[0] = (u64)(EPT_TABLES + 512) | 7;
    for (u64 i = 0; i < 4; i++)
        EPT_TABLES[512 + i] = i << 30 | 0xB7;
}

/* Host state that every exit needs, whatever the state of the table has. */
static void host_write(void)
{
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) table;
    __asm__ volatile("sgdt %0" : "=m"(table));
    vmwrite(VMCS_HOST_GDTR_BASE, table.base);
    __asm__ volatile("sidt %0" : "=m"(table));
    vmwrite(VMCS_HOST_IDTR_BASE, table.base);
    vmwrite(VMCS_HOST_TR_BASE, (u64)&tss);
    vmwrite(VMCS_HOST_TR_SELECTOR, TSS);
    vmwrite(VMCS_HOST_CS_SELECTOR, CODE64);
    vmwrite(VMCS_HOST_CR0, read_cr0());
    vmwrite(VMCS_HOST_CR3, read_cr3());
    vmwrite(VMCS_HOST_CR4, read_cr4());
    vmwrite(VMCS_HOST_RIP, (u64)vm_exit);
}

static void apply(struct span span)
{
    for (u32 i = span.first; i < span.first + span.count; i++)
        vmwrite(changes[i].field, changes[i].value);
}

static void state_try(u32 index)
{
    const struct state *state = &states[index];
    vmcs_clear();
    apply(bases[state->base]);
    host_write();
    apply(state->span);
    if (state->enters)
        host_write();
    u32 failed = vm_enter();
    if (failed)
        print("entry %u error %u\n", (u64)index, failed == 2 ? vmread(VMCS_VM_INSTRUCTION_ERROR) : 0);
    else
        print("entry %u exit %x %x\n", (u64)index, vmread(VMCS_EXIT_REASON), vmread(VMCS_EXIT_QUALIFICATION));
}

static void processor_show(void)
{
    for (u32 i = 0; i < msr_count; i++)
        print("msr %x %x\n", (u64)msrs[i], rdmsr(msrs[i]));
    print("sizes %x\n", (u64)cpuid(CPUID_LEAF_SIZES, 0).eax & 0xFFFF);
    struct regs4 features = cpuid(7, 0);
    print("features %x %x\n", (u64)features.ebx, (u64)features.ecx);
}

CASE(entries)
{
    processor_show();
    operation_enter();
    ept_make();
    *(volatile u32 *)0x100000 = VMCALL;
    *VIRTUAL_TPR = 0xFF;            /* at least any TPR threshold */
    u64 cr0 = read_cr0(), cr4 = read_cr4();
    for (u32 i = 0; i < state_count; i++) {
        state_try(i);
        write_cr0(cr0);
        write_cr4(cr4);
    }
    __asm__ volatile("vmxoff");
}
