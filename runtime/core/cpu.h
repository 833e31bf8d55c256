/* The hypervisor's data for one CPU. */
#pragma once

#include "generated/vmx/registers.h"
#include "core/layout.h"
#include "dom0/step.h"
#include "core/types.h"
#include "vmx/nested_paging.h"
#include "vmx/vmx.h"

/* SDM: 8.7 */
struct tss {
    u32 reserved0;
    u64 rsp[3], reserved1, ist[7], reserved2;
    u16 reserved3, io_map;
} __attribute__((packed));

/* Which of the TSS's stacks a trap uses. */
enum { IST_NMI = 1, IST_MACHINE_CHECK = 2, IST_DOUBLE_FAULT = 3 };

struct vcpu;
struct switched_state;

/* Lies directly above its stack: at a VM exit RSP points here. */
struct cpu {
    struct registers guest;             /* the exit path knows this and what follows up to last_index */
    u64 exit_counts[EXIT_COUNT];
    u8 last_exits[256], last_index;     /* a ring of exit reasons */

    struct cpu *self;                   /* GS points here */
    u32 index, apic_id;
    bool guest_mode;                    /* there is a current VMCS */

    struct nested_tables nested;
    struct memory_map map;
    u64 nested_pointer;
    struct step step;
    u32 hidden_reads, hidden_writes, apic_writes, watched_writes, denied_fetches;

    /* Started and stopped by other CPUs; see dom0/cpus.h. */
    volatile u32 start;
    bool started;                       /* at least once */

    /* Its local APIC; see dom0/apic_watch.h. */
    bool watching;
    u32 logical_id, logical_format;     /* the page's LDR and DFR */

    /* Events of dom0's that arrived in root mode or in a domU, and wait for its next VM entry; see vmx/nmi.c. */
    union {
        struct {
            volatile bool nmi_pending, mc_pending, init_pending;
        };
        volatile u32 pending;           /* any of them */
    };

    /* The vCPU that this CPU runs, or 0; and dom0's registers meanwhile. See domu/switch.h. */
    struct vcpu *volatile vcpu;
    struct switched_state *dom0_state;
    u8 *dom0_xsave;
    bool dom0_state_known;
    u64 last_vcpu;                      /* the handle of the one that ran here last */

    u64 gdt[5];
    struct tss tss;
};

_Static_assert(offsetof(struct cpu, guest) == 0, "RSP points at the registers");
_Static_assert(offsetof(struct cpu, exit_counts) == CPU_EXIT_COUNTS, "the exit path counts here");
_Static_assert(offsetof(struct cpu, last_exits) == CPU_LAST_EXITS, "and notes here");
_Static_assert(offsetof(struct cpu, last_index) == CPU_LAST_INDEX, "and here");

/* The pages of one CPU. Guard pages are not mapped, so a stack overflow faults. */
struct cpu_block {
    u8 guard[PAGE_SIZE], stack[2 * PAGE_SIZE];
    union {
        struct cpu cpu;
        u8 cpu_page[PAGE_SIZE];
    };
    u8 nmi_guard[PAGE_SIZE], nmi_stack[PAGE_SIZE];
    u8 mc_guard[PAGE_SIZE], mc_stack[PAGE_SIZE];
    u8 df_guard[PAGE_SIZE], df_stack[PAGE_SIZE];
    u8 host_area[PAGE_SIZE];            /* the VMXON region */
    u8 control_page[PAGE_SIZE];         /* dom0's VMCS */
    u8 scratch[PAGE_SIZE];              /* takes the place of a page in a step */
    u8 msr_areas[PAGE_SIZE];            /* MSRs that every exit and entry switches; see vmx/msr_areas.c */
};

_Static_assert(sizeof(struct cpu) <= PAGE_SIZE, "struct cpu fits its page");

static inline struct cpu_block *cpu_block(struct cpu *cpu)
{
    return (struct cpu_block *)((u8 *)cpu - offsetof(struct cpu_block, cpu));
}

static inline bool has_pending(const struct cpu *cpu)
{
    return cpu->pending;
}

extern struct cpu **cpus;
extern u32 cpu_count;

static inline struct cpu *cpu_current(void)
{
    struct cpu *cpu;
    asm volatile("movq %%gs:0, %0" : "=r"(cpu));
    return cpu;
}

/* Loads descriptor tables, CR0 and CR4 for root mode. The first exit loads IA32_PAT. */
void cpu_setup(struct cpu *cpu);
