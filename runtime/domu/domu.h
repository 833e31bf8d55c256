/*
 * Domains that a VMM in dom0 runs, and their vCPUs. Everything here lies in hidden memory; what a VMM shares with us is the
 * vCPU's block, in a frame of the pool, which it may write at any moment: each word of it is read once.
 */
#pragma once

#include "core/cpu.h"
#include "dom0/libluvkvm/luv_run.h"
#include "generated/domu.h"
#include "generated/luvalley_abi.h"
#include "domu/lock.h"

#define DOMAINS_MAX 16
#define DOMAIN_VCPUS_MAX 16
#define VCPUS_MAX 64
#define CPUS_MAX 64
#define NO_CPU ~0u
#define COUNT_REASONS 32

enum domain_state { DOMAIN_FREE, DOMAIN_ALIVE, DOMAIN_DYING };
enum caller { CALLER_OWNER = 1, CALLER_SECRET = 2, CALLER_ROOT = 4 };

/* SDM: 25.7.2 */
struct msr_entry {
    u32 msr, reserved;
    u64 value;
};

/* What a vCPU and dom0 have by turns. The processor loads the MSRs of one at each entry, of the other at each exit. */
struct switched {
    struct msr_entry msrs[DOMU_SWAP_MSRS] __attribute__((aligned(16)));     /* those that this processor has; see swapped.c */
    u64 cr2, dr[4], dr6, xcr0;
};

#define REQUESTS_NONE ~0u                 /* none that a VMM can have: the next run takes them all */

/* In a table that is never freed: who finds one by an old handle finds out after taking it. */
struct vcpu {
    volatile u32 cpu;                   /* 1 + index of the CPU that has taken it, 0: none. Only that one touches the rest */
    u32 slot;                           /* in the table of all; its VPID comes from it */
    u64 vmcs, tpr_page, xsave;          /* physical; pages of ours */
    u32 xsave_pages;
    struct domain *domain;              /* the last one's until a new one has it: who looks before taking it finds one */

    volatile u64 entry_generation; /* its domain's generation when a CPU last went in. Cleared from here on for a new one */
    u64 handle; /* 0: free */
    u32 index, apic_id; /* within its domain */
    u32 last_cpu; /* where translations of it may be cached; NO_CPU: nowhere that counts */

    u64 block; /* physical address of 32 KiB in the pool */
    struct luv_run *run; /* in it, in the direct map */
    volatile u8 *immediate_exit; /* kvm_run.immediate_exit */
    u8 *area; /* LUV_STATE_SIZE bytes for get and set */

    u8 *tpr, *xsave_area; /* in them: the TPR's byte, the XSAVE area */
    u32 requests; /* the run page's, as they were last taken */
    bool left; /* the handler of this exit has forwarded it */
    u32 exit; /* as what: enum luv_exit */
    struct switched state;
    bool breakpoints; /* its DR7 has some: then they are its from the start of each run */
    bool debug_loaded; /* the guest has the debug registers in this run */
    u64 tsc_adjust;
    u64 cr4_permitted; /* what its CPUID table offers */
    u32 exceptions; /* those that its VMM wants to see */
    u32 hidden; /* enum luv_hide: what its CPUID table does not have */
    u64 counts[COUNT_REASONS + EXIT_COUNT]; /* of returns by enum luv_exit, of exits by basic reason from COUNT_REASONS on */
};

struct domain {
    struct lock lock; /* for all but what vcpu_run has to do with */
    volatile u32 state; /* enum domain_state */
    u32 index, uses; /* how often the slot was used: the handle's upper half */
    u64 handle;
    u64 owner; /* CR3[51:12] of who made it; see walk.h */
    u64 secret[2];
    u64 proof_address, proof_frame; /* the owner lives while its tables lead from one to the other */
    u32 pool;

    u64 root, eptp; /* tables of all its vCPUs */
    volatile u64 generation; /* of the tables: grows when something was taken out of them */
    u64 seen[CPUS_MAX]; /* up to where each CPU has thrown away what it had cached */
    u32 frames; /* owned now */
    u32 freed; /* of its pool's: how far its end has come */
    u64 tsc_offset; /* what the last that a VMM set made of it: its vCPUs' clocks agree */

    struct vcpu *vcpus[DOMAIN_VCPUS_MAX];
};

/* The dispatcher's: rights are asked once something is held. 0, or the errno. */
u32 domain_acquire(struct cpu *cpu, u64 handle, u32 who, struct domain **domain);
void domain_release(struct domain *domain);

/* A VMCS in the state after RESET, in the pages that vcpu->vmcs, tpr_page, xsave name; blocks and domain are set. */
void vcpu_prepare(struct cpu *cpu, struct vcpu *vcpu);

/* XCR0 that guests may have, the size in bytes of XSAVE's standard form for it, and the TSC's frequency or 0. */
u64 domu_xcr0(void);
u32 domu_xsave_size(void);
u32 domu_tsc_khz(void);

/* Ends the exit: the VMM is told, with what the VMCS says. */
void exit_to_vmm(struct cpu *cpu, u32 kind);
/* An exit that the domain's controls exclude. */
void domu_exit_unexpected(struct cpu *cpu);
