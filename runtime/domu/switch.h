/*
 * Between dom0 and a domU: which VMCS is current, and the registers that no VMCS switches. Inline what every run pays for;
 * the rare rest is in world.c.
 */
#pragma once

#include "domu/domu.h"
#include "core/host.h"
#include "vmx/nmi.h"
#include "domu/switch_msrs.h"
#include "vmx/vmx.h"

/* Whether this processor can run domUs: asked once, at boot, when there is a pool. Says what is missing. */
bool domu_init(void);

/* What the preemption timer starts from at each entry: it bounds a vCPU that nothing interrupts. SDM: 26.5.1 */
extern u32 domu_timer;
/* XCR0 that guests may have: all of it is in the lower half. */
extern u32 domu_features;

/* MXCSR bits that this processor has. */
u32 domu_mxcsr_mask(void);

/* What one vCPU has taught this CPU's branch predictors is not another's. SDM: 2.1, IA32_PRED_CMD */
void predictor_barrier(struct cpu *cpu, const struct vcpu *vcpu);

/* The guest has the debug registers from here to the end of this run; and dom0 again. */
void debug_load_guest(struct cpu *cpu);
void debug_load_dom0(struct cpu *cpu, struct vcpu *vcpu);
/* After a change of its DR7, which is in the current VMCS. */
void debug_update(struct vcpu *vcpu);

/* The vCPU's VMCS becomes current. NMIs know which one is; see nmi.c. */
static inline void vcpu_load(struct cpu *cpu, struct vcpu *vcpu)
{
    cpu->vcpu = vcpu;
    vmptrld(vcpu->vmcs);
}

/* Made clear at once: the vCPU may go on elsewhere, and no other CPU need ever be asked for it. SDM: 25.1 */
static inline void vcpu_put(struct cpu *cpu)
{
    vmclear(cpu->vcpu->vmcs);
    vmptrld(hv_phys(cpu_block(cpu)->vmcs));
    cpu->vcpu = 0;
    if (unlikely(has_pending(cpu)))
        nmi_update_controls(cpu);              /* an NMI from here on opens the window itself */
}

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

/* Both with every component on that a guest may have: what it has turned off keeps its value. SDM: 14.7, 14.8 */
static inline void xstate_load_guest(struct cpu *cpu, const struct vcpu *vcpu)
{
    u64 own = cpu->own->xcr0 = xcr0_read(), all = own | domu_features;
    xcr0_change(own, all);
    xsave(cpu->dom0_xsave, domu_features);
    xrstor(vcpu->xsave_area, domu_features);
    xcr0_change(all, vcpu->state.xcr0);
}

/* Its XCR0 is what it was given: XSETBV leaves. */
static inline void xstate_load_dom0(const struct cpu *cpu, const struct vcpu *vcpu)
{
    u64 own = cpu->own->xcr0, all = own | domu_features;
    xcr0_change(vcpu->state.xcr0, all);
    xsave(vcpu->xsave_area, domu_features);
    xrstor(cpu->dom0_xsave, domu_features);
    xcr0_change(all, own);
}

/*
 * Around all entries of one run: what no VMCS switches becomes the vCPU's, and dom0's again. CR2 of dom0 is of no use to it
 * in ring 3, where it calls from: a page fault's handler reads it first of all.
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
