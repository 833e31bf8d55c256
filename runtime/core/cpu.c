#include "core/cpu.h"

#include "generated/x86/host_bits.h"
#include "generated/x86/x86.h"
#include "core/host.h"
#include "core/traps.h"
#include "vmx/vmx.h"

#define CODE_64 0x00AF9B000000FFFFull   /* SDM: 3.4.5 */
#define DATA 0x00CF93000000FFFFull
#define TSS_AVAILABLE 0x89ull

struct cpu **cpus;
u32 cpu_count = 1;

/* SDM: figure 8-4 */
static void tss_describe(struct cpu *cpu)
{
    u64 base = (u64)&cpu->tss;
    cpu->gdt[HOST_TSS / 8] = (sizeof(cpu->tss) - 1) | (base & 0xFFFFFF) << 16 | TSS_AVAILABLE << 40 | (base >> 24 & 0xFF) << 56;
    cpu->gdt[HOST_TSS / 8 + 1] = base >> 32;
}

static void stacks_set(struct cpu *cpu)
{
    struct cpu_block *block = cpu_block(cpu);
    cpu->tss.ist[IST_NMI - 1] = (u64)block->nmi_stack + PAGE_SIZE;
    cpu->tss.ist[IST_MACHINE_CHECK - 1] = (u64)block->mc_stack + PAGE_SIZE;
    cpu->tss.ist[IST_DOUBLE_FAULT - 1] = (u64)block->df_stack + PAGE_SIZE;
    cpu->tss.io_map = sizeof(cpu->tss);
}

static void tables_load(struct cpu *cpu)
{
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) pointer = {sizeof(cpu->gdt) - 1, (u64)cpu->gdt};
    asm volatile("lgdt %0\n\t"
                 "pushq %1\n\t"
                 "leaq 1f(%%rip), %%rax\n\t"
                 "pushq %%rax\n\t"
                 "lretq\n"
                 "1:\tmovl %2, %%ss\n\t"
                 "movl %2, %%ds\n\t"
                 "movl %2, %%es\n\t"
                 "ltr %w3"
                 :
                 : "m"(pointer), "i"(HOST_CODE), "r"(HOST_DATA), "r"(HOST_TSS)
                 : "rax", "memory");
    traps_load();
}

static void control_registers_set(void)
{
    u64 wanted = CR4_SMEP | CR4_SMAP | CR4_OSXSAVE | CR4_PKE;     /* the last for RDPKRU; see domu/walk.c */
    host_write_cr0((host_read_cr0() & ~(u64)HOST_CR0_EXCLUDES) | HOST_CR0_INCLUDES);
    host_write_cr4((host_read_cr4() & ~(u64)HOST_CR4_EXCLUDES) | HOST_CR4_INCLUDES | (wanted & host_cr4_possible()));
}

void cpu_setup(struct cpu *cpu)
{
    cpu->self = cpu;
    cpu->gdt[HOST_CODE / 8] = CODE_64;
    cpu->gdt[HOST_DATA / 8] = DATA;
    tss_describe(cpu);
    stacks_set(cpu);
    host_wrmsr(IA32_GS_BASE, (u64)&cpu->self);      /* before an NMI can ask for it */
    tables_load(cpu);
    control_registers_set();
    mtrr_read(&cpu->map.mtrrs);
}
