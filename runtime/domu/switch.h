/*
 * Registers that no VMCS switches, between dom0 and a vCPU: CR2, the XSAVE state, the debug registers on demand, some MSRs.
 * Inline what every run pays for.
 */
#pragma once

#include "core/host.h"
#include "domu/domu.h"
#include "vmx/switch_msrs.h"
#include "vmx/vcpu.h"

/* Asked once, at boot, when there is a pool: this processor can run domUs, and there is memory for dom0's side. */
bool switch_init(void);

/* XCR0 that guests may have: all of it is in the lower half. */
extern u32 domu_features;
/* The size in bytes of XSAVE's standard form for it, the TSC's frequency or 0, and MXCSR bits that this processor has. */
u32 domu_xsave_size(void);
u32 domu_tsc_khz(void);
u32 domu_mxcsr_mask(void);

/* Branch predictions that one vCPU has trained must not steer another. SDM: 2.1, IA32_PRED_CMD */
void predictor_barrier(struct cpu *cpu, const struct vcpu *vcpu);

/* The debug registers are the guest's until the end of this run; and dom0's again. */
void debug_load_guest(struct cpu *cpu);
void debug_load_dom0(struct cpu *cpu, struct vcpu *vcpu);
/* After a change of the DR7 in the current VMCS. */
void debug_update(struct vcpu *vcpu);

/* General registers but RSP, between the run page and struct cpu, where handlers look for them. */
void load_registers(struct cpu *cpu, const struct luv_run *run);
void store_registers(const struct cpu *cpu, struct luv_run *run);
/* RIP, RSP, RFLAGS, interruptibility and TPR from the current VMCS into the run page. */
void store_run(struct vcpu *vcpu);

static inline u64 xcr0_read(void)
{
    u32 low, high;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (u64)high << 32 | low;
}

static inline void xcr0_change(u64 from, u64 to)
{
    if (unlikely(from != to))
        asm volatile("xsetbv" : : "c"(0), "a"((u32)to), "d"((u32)(to >> 32)) : "memory");
}

static inline void xsave(u8 *area, u32 components)
{
    asm volatile("xsave64 (%0)" : : "r"(area), "a"(components), "d"(0) : "memory");
}

static inline void xrstor(const u8 *area, u32 components)
{
    asm volatile("xrstor64 (%0)" : : "r"(area), "a"(components), "d"(0) : "memory");
}

/* With every component enabled that a guest may have: what it has disabled keeps its value. SDM: 14.7, 14.8 */
static inline void xstate_load_guest(struct cpu *cpu, const struct vcpu *vcpu)
{
    u64 dom0 = cpu->dom0_state->xcr0 = xcr0_read(), all = dom0 | domu_features;
    xcr0_change(dom0, all);
    xsave(cpu->dom0_xsave, domu_features);
    xrstor(vcpu->xsave_area, domu_features);
    xcr0_change(all, vcpu->state.xcr0);
}

/* XSETBV causes an exit, so the guest's XCR0 is what it was given. */
static inline void xstate_load_dom0(const struct cpu *cpu, const struct vcpu *vcpu)
{
    u64 dom0 = cpu->dom0_state->xcr0, all = dom0 | domu_features;
    xcr0_change(vcpu->state.xcr0, all);
    xsave(vcpu->xsave_area, domu_features);
    xrstor(cpu->dom0_xsave, domu_features);
    xcr0_change(all, dom0);
}

/*
 * Around all entries of one run. dom0's CR2 is not saved: it calls from ring 3, where CR2 is dead, because the page-fault
 * handler reads it first of all.
 */
static inline void load_guest_state(struct cpu *cpu, struct vcpu *vcpu)
{
    if (unlikely(cpu->last_vcpu != vcpu->handle))
        predictor_barrier(cpu, vcpu);
    switched_msrs_refresh(cpu);
    host_write_cr2(vcpu->state.cr2);
    xstate_load_guest(cpu, vcpu);
}

static inline void load_dom0_state(struct cpu *cpu, struct vcpu *vcpu)
{
    vcpu->state.cr2 = host_read_cr2();
    if (unlikely(vcpu->debug_loaded))
        debug_load_dom0(cpu, vcpu);
    xstate_load_dom0(cpu, vcpu);
}
