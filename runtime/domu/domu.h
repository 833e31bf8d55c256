/*
 * Domains that VMMs in dom0 run, and their vCPUs. All of it is in hidden memory; what a VMM shares with the hypervisor is the
 * vCPU's shared area, which lies in the pool. The VMM may write that at any moment, so each word of it is read once.
 *
 * Who may use what, from the bottom up: pool, walk, tables, memory, vcpus, domain; beside them switch, run and the state
 * files, which work on one vCPU that its owner has acquired.
 */
#pragma once

#include "core/cpu.h"
#include "core/lock.h"
#include "domu/walk.h"
#include "generated/abi/luvalley_abi.h"
#include "generated/vmx/domu.h"
#include "vmx/state.h"

#define DOMAINS_MAX LUV_DOMAINS_MAX
#define DOMAIN_VCPUS_MAX LUV_DOMAIN_VCPUS_MAX
#define VCPUS_MAX LUV_VCPUS_MAX
#define CPUS_MAX 64
#define NO_CPU ~0u
#define COUNT_REASONS LUV_STAT_EXITS

/* A domain's handle; a vCPU's has its slot + 1 above. */
#define HANDLE_INDEX_MASK 0xFFFFull
#define HANDLE_USES_SHIFT 16
#define HANDLE_VCPU_SHIFT 48
_Static_assert(DOMAINS_MAX <= HANDLE_INDEX_MASK + 1 && VCPUS_MAX < 1u << (64 - HANDLE_VCPU_SHIFT),
               "handles have room for the limits of spec/abi.luv");

#define REQUESTS_NONE ~0u               /* no VMM can make these requests: the next run applies all of its own */

enum domain_state { DOMAIN_FREE, DOMAIN_ALIVE = LUV_LIFE_ALIVE, DOMAIN_DYING = LUV_LIFE_DYING };

/* SDM: 25.7.2 */
struct msr_entry {
    u32 msr, reserved;
    u64 value;
};

/* Registers that no VMCS switches, of a vCPU or of dom0. Entries load the vCPU's MSRs from here, exits dom0's. */
struct switched_state {
    struct msr_entry msrs[DOMU_SWAP_MSRS] __attribute__((aligned(16)));     /* see vmx/switch_msrs.c */
    u64 cr2, dr[4], dr6, xcr0;
};

/* In a table that is never freed: whoever finds one by an old handle notices after acquiring it. */
struct vcpu {
    volatile u32 cpu;                   /* 1 + index of the CPU that has acquired it, 0: none; only that CPU uses the rest */
    u32 slot;                           /* in the table of all; its VPID follows from it */
    u64 control_page, tpr_page, xsave;  /* physical addresses of hidden pages; the first is the VMCS */
    u32 xsave_pages;
    struct domain *domain;              /* kept after the vCPU is freed: stale handles still lead here */

    volatile u64 entry_generation;      /* the domain's generation at the last entry. A new vCPU is cleared from here on */
    u64 handle;                         /* 0: free */
    u32 index, apic_id;                 /* within its domain */
    u32 last_cpu;                       /* which may have its translations cached; NO_CPU: none that counts */

    u64 shared_area;                    /* physical address, 32 KiB in the pool */
    struct luv_run *run;                /* in it, by the direct map */
    volatile u8 *immediate_exit;        /* kvm_run.immediate_exit */
    u8 *state_area;                     /* of it too, for vcpu_get and vcpu_set */

    u8 *tpr, *xsave_area;               /* the TPR's byte in tpr_page; the XSAVE area */
    u32 requests;                       /* the run page's, as they were applied last */
    u64 run_end;                        /* of this run by the TSC, once it has had an exit that was handled here */
    struct switched_state state;
    bool breakpoints;                   /* its DR7 enables some: each run starts with its debug registers */
    bool debug_loaded;                  /* the debug registers are the guest's in this run */
    u64 tsc_adjust;
    u64 cr4_permitted;                  /* what its CPUID table offers */
    u32 exceptions;                     /* those that its VMM asks for */
    u32 hidden_features;                /* enum luv_hide: what its CPUID table does not have */
    u64 runs[COUNT_REASONS];            /* ended by enum luv_exit */
    struct vcpu_exits exits;            /* of which the exit path knows */
};

struct domain {
    struct lock lock;                   /* for all but what vcpu_run uses */
    volatile u32 state;                 /* enum domain_state */
    u32 index, uses;                    /* how often the slot was used: the handle's upper half */
    u64 handle;
    u64 owner;                          /* CR3[51:12] of the process that made it; see walk.h */
    u64 secret[2];
    u64 proof_address, proof_frame;     /* the owner is alive while its tables map one to the other */
    u32 pool;

    u64 root, nested_pointer;           /* the tables of all its vCPUs, and how a VMCS points to them */
    volatile u64 generation;            /* of the tables: grows when something was removed from them */
    u64 flushed_generation[CPUS_MAX];   /* up to which each CPU has flushed what it had cached */
    u32 superpages;                     /* owned now */
    u32 freed;                          /* superpages of its pool that its end has looked at */
    u64 tsc_offset;                     /* the last that a VMM has set: its vCPUs' clocks agree */

    struct vcpu *vcpus[DOMAIN_VCPUS_MAX];
};

/* 0 where there are no domUs: no pool, or not this processor. */
extern struct domain *domains;          /* DOMAINS_MAX */
extern struct vcpu *vcpus;              /* VCPUS_MAX, of all domains */

/* ---- Domains: domain.c */

/* Once, when there is a pool. */
void domains_init(void);
/* The domain of a handle, locked, if the caller has that right to it (enum luv_caller). 0, or the errno. */
u32 domain_acquire(struct cpu *cpu, u64 handle, u32 who, struct domain **domain);
void domain_release(struct domain *domain);

/* ---- Who may make domains: token.c */

/* Compares R8:R9 with the token that root has set, without a branch on a part of it; false while there is none. */
bool knows_token(const struct cpu *cpu);

static inline bool knows_secret(const struct cpu *cpu, const struct domain *domain)
{
    return !((cpu->guest.r8 ^ domain->secret[0]) | (cpu->guest.r9 ^ domain->secret[1]));
}

/* False for a dying domain's. */
static inline bool is_owner(const struct cpu *cpu, const struct domain *domain)
{
    return domain->state == DOMAIN_ALIVE && knows_secret(cpu, domain) && (guest_cr3() & CR3_SPACE) == domain->owner;
}

/* ---- vCPUs: vcpus.c */

/* A new vCPU with the shared area at the caller's `address`; its handle, or an errno. Under the domain's lock, as the next. */
struct answer vcpu_make(struct cpu *cpu, struct domain *domain, u32 apic_id, u64 address);
/* Frees all vCPUs of a dying domain; false while a CPU has acquired one. */
bool vcpus_free(struct cpu *cpu, struct domain *domain);

static inline bool vcpu_try_acquire(struct cpu *cpu, struct vcpu *vcpu)
{
    u32 none = 0;
    return __atomic_compare_exchange_n(&vcpu->cpu, &none, cpu->index + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static inline void vcpu_release(struct vcpu *vcpu)
{
    __atomic_store_n(&vcpu->cpu, 0, __ATOMIC_RELEASE);
}

/*
 * Checked before the vCPU is acquired: a stranger must neither see that it runs nor keep it from running. A slot may change
 * hands meanwhile; then its handle is another one once it is acquired.
 */
static inline bool vcpu_is_callers(const struct cpu *cpu, const struct vcpu *vcpu, u64 handle)
{
    const struct domain *domain = vcpu->domain;
    return __atomic_load_n(&vcpu->handle, __ATOMIC_ACQUIRE) == handle && is_owner(cpu, domain);
}

/* The vCPU of a handle, for its owner alone until vcpu_release(). 0, or the errno. */
static inline u32 vcpu_acquire(struct cpu *cpu, u64 handle, struct vcpu **found)
{
    u32 slot = (u32)(handle >> HANDLE_VCPU_SHIFT) - 1;
    struct vcpu *vcpu = *found = &vcpus[slot % VCPUS_MAX];      /* in the table even under speculation */
    if (unlikely(!vcpus || slot >= VCPUS_MAX || !vcpu_is_callers(cpu, vcpu, handle)))
        return ENOENT;
    if (unlikely(!vcpu_try_acquire(cpu, vcpu)))
        return EBUSY;
    if (likely(vcpu->handle == handle && vcpu->domain->state == DOMAIN_ALIVE))  /* neither changes while it is acquired */
        return 0;
    vcpu_release(vcpu);
    return ENOENT;
}

/* ---- Exits: vmx/reflect.c */

/* Ends the exit: it is reflected to the VMM as `kind`, with what the VMM needs to know of it. */
void exit_to_vmm(struct cpu *cpu, u32 kind);
/* An exit that the domain's controls exclude. */
void domu_exit_unexpected(struct cpu *cpu);
