/* vcpu_get and vcpu_set: what, how long, and who does it. */
#include "generated/externs.h"
#include "domu/registers.h"
#include "domu/switch.h"

#define SREGS_SIZE 312
#define DEBUGREGS_SIZE 128
#define CONTROLS_SIZE 24
#define MSRS_MAX 1024

enum what { WHAT_SREGS, WHAT_DEBUGREGS, WHAT_MSRS, WHAT_XSAVE, WHAT_XCR0, WHAT_CONTROLS, WHATS };

static const struct {
    u32 size;
    u32 (*get)(struct vcpu *vcpu, u8 *area);
    u32 (*set)(struct vcpu *vcpu, const u8 *area);
} kinds[WHATS] = {
    [WHAT_SREGS] = {SREGS_SIZE, sregs_get, sregs_set},
    [WHAT_DEBUGREGS] = {DEBUGREGS_SIZE, debugregs_get, debugregs_set},
    [WHAT_XSAVE] = {0, xsave_get, xsave_set},
    [WHAT_XCR0] = {sizeof(u64), xcr0_get, xcr0_set},
    [WHAT_CONTROLS] = {CONTROLS_SIZE, controls_get, controls_set},
};

static struct answer failed(u32 error)
{
    return (struct answer){.error = error};
}

static u32 size_of(u32 what)
{
    return what == WHAT_XSAVE ? domu_xsave_size() : kinds[index_nospec(what, WHATS)].size;
}

/* struct kvm_msr_entry is the processor's own form. How many were done: the first that cannot be ends it, as KVM_GET_MSRS and KVM_SET_MSRS do. */
static u64 msrs_get(struct vcpu *vcpu, u32 count)
{
    struct msr_entry *entries = (struct msr_entry *)vcpu->area;
    u32 done = 0;
    for (u64 value; done < count && msr_get(vcpu, entries[done].msr, &value); done++)
        entries[done].value = value;
    return done;
}

static u64 msrs_set(struct vcpu *vcpu, u32 count)
{
    const volatile struct msr_entry *entries = (const volatile struct msr_entry *)vcpu->area;
    u32 done = 0;
    while (done < count && msr_set(vcpu, entries[done].msr, entries[done].value))
        done++;
    return done;
}

static struct answer msrs_do(struct cpu *cpu, struct vcpu *vcpu, u32 size, bool set)
{
    u32 count = size / sizeof(struct msr_entry);
    if (size % sizeof(struct msr_entry) || count > MSRS_MAX)
        return failed(EINVAL);
    vcpu_load(cpu, vcpu);
    u64 done = set ? msrs_set(vcpu, count) : msrs_get(vcpu, count);
    vcpu_put(cpu);
    return (struct answer){.value = done};
}

struct answer vcpu_get(struct cpu *cpu, struct vcpu *vcpu, u32 what, u32 size)
{
    if (what == WHAT_MSRS)
        return msrs_do(cpu, vcpu, size, false);
    if (what >= WHATS || size != size_of(what))
        return failed(EINVAL);
    vcpu_load(cpu, vcpu);
    u32 error = kinds[index_nospec(what, WHATS)].get(vcpu, vcpu->area);
    vcpu_put(cpu);
    return (struct answer){.value = size, .error = error};
}

/* What was cached of the vCPU's translations may be of its old state. */
struct answer vcpu_set(struct cpu *cpu, struct vcpu *vcpu, u32 what, u32 size)
{
    if (what == WHAT_MSRS)
        return msrs_do(cpu, vcpu, size, true);
    if (what >= WHATS || size != size_of(what))
        return failed(EINVAL);
    vcpu_load(cpu, vcpu);
    u32 error = kinds[index_nospec(what, WHATS)].set(vcpu, vcpu->area);
    vcpu_put(cpu);
    vcpu->last_cpu = NO_CPU;
    return (struct answer){.value = size, .error = error};
}
