/*
 * Running a vCPU: one hypercall, from dom0's VMCALL to the first exit that is not ours to answer. Interrupts stay off in
 * root mode, so what reads the VMM's "leave now" last loses no wake-up: a later one is an interrupt, and ends the entry.
 */
#include "run.h"

#include "generated/controls.h"
#include "generated/externs.h"
#include "generated/x86.h"
#include "guest.h"
#include "host.h"
#include "world.h"

#define ROUNDS_MAX 1000u                /* exits answered here before dom0 is looked at again */
#define EVENT_BITS (VM_ENTRY_INTERRUPTION_INFO_VALID | VM_ENTRY_INTERRUPTION_INFO_ERROR_CODE_VALID | \
                    VM_ENTRY_INTERRUPTION_INFO_TYPE_MASK | VM_ENTRY_INTERRUPTION_INFO_VECTOR_MASK)
#define BLOCKING_BITS (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS | INTERRUPTIBILITY_NMI)
#define TPR_OFFSET 0x80                 /* in the virtual-APIC page. SDM: 30.1.1 */

u32 domu_enter(struct cpu *cpu, u32 launched);

/* The VMM may write meanwhile: one read each. */
#define ONCE(place) (*(const volatile typeof(place) *)&(place))

static void registers_take(struct cpu *cpu, const struct luv_run *run)
{
    struct registers *r = &cpu->guest;
    r->rax = run->rax, r->rbx = run->rbx, r->rcx = run->rcx, r->rdx = run->rdx, r->rsi = run->rsi, r->rdi = run->rdi;
    r->rbp = run->rbp, r->r8 = run->r8, r->r9 = run->r9, r->r10 = run->r10, r->r11 = run->r11, r->r12 = run->r12;
    r->r13 = run->r13, r->r14 = run->r14, r->r15 = run->r15;
    vmwrite(VMCS_GUEST_RSP, run->rsp);
    vmwrite(VMCS_GUEST_RIP, run->rip);
    vmwrite(VMCS_GUEST_RFLAGS, run->rflags);
}

void registers_give(const struct cpu *cpu, struct luv_run *run)
{
    const struct registers *r = &cpu->guest;
    run->rax = r->rax, run->rbx = r->rbx, run->rcx = r->rcx, run->rdx = r->rdx, run->rsi = r->rsi, run->rdi = r->rdi;
    run->rbp = r->rbp, run->r8 = r->r8, run->r9 = r->r9, run->r10 = r->r10, run->r11 = r->r11, run->r12 = r->r12;
    run->r13 = r->r13, run->r14 = r->r14, run->r15 = r->r15;
    run->rsp = vmread(VMCS_GUEST_RSP);
    run->rip = vmread(VMCS_GUEST_RIP);
    run->rflags = vmread(VMCS_GUEST_RFLAGS);
}

static void event_take(const struct luv_run *run)
{
    u32 event = ONCE(run->event) & EVENT_BITS;
    vmwrite(VMCS_VM_ENTRY_INTERRUPTION_INFO, event);
    if (!(event & VM_ENTRY_INTERRUPTION_INFO_VALID))
        return;
    vmwrite(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE, ONCE(run->event_error));
    vmwrite(VMCS_VM_ENTRY_INSTRUCTION_LENGTH, ONCE(run->event_length));
}

/* A threshold above the TPR would be refused: there is nothing to wait for. SDM: 27.2.1.1 */
static void tpr_take(const struct vcpu *vcpu)
{
    u8 tpr = ONCE(vcpu->run->tpr) & 0xF, threshold = ONCE(vcpu->run->tpr_threshold) & 0xF;
    *(u8 *)(hv_virt(vcpu->tpr_page) + TPR_OFFSET) = (u8)(tpr << 4);
    vmwrite(VMCS_TPR_THRESHOLD, smaller(tpr, threshold));
}

static void windows_take(const struct luv_run *run)
{
    u8 want = ONCE(run->want);
    u64 word = domu_control_word[DOMU_WORD_PRIMARY];
    word |= want & LUV_WANT_WINDOW ? PRIMARY_INTERRUPT_WINDOW_EXITING : 0;
    word |= want & LUV_WANT_NMI_WINDOW ? PRIMARY_NMI_WINDOW_EXITING : 0;
    vmwrite(VMCS_PRIMARY_CONTROLS, word);
}

/* The last exit's instruction is done, if the VMM says so. */
static void finish_take(struct cpu *cpu, const struct luv_run *run)
{
    u8 finish = ONCE(run->finish);
    if (finish == LUV_FINISH_ADVANCE)
        guest_advance(cpu);
    else if (finish == LUV_FINISH_MOVED)
        guest_advance_by(cpu, 0);
}

static void run_take(struct cpu *cpu, struct vcpu *vcpu)
{
    registers_take(cpu, vcpu->run);
    vmwrite(VMCS_GUEST_INTERRUPTIBILITY_STATE, ONCE(vcpu->run->blocking) & BLOCKING_BITS);
    finish_take(cpu, vcpu->run);
    event_take(vcpu->run);
    tpr_take(vcpu);
    windows_take(vcpu->run);
}

void run_give(struct cpu *cpu, struct vcpu *vcpu)
{
    registers_give(cpu, vcpu->run);
    vcpu->run->blocking = (u32)vmread(VMCS_GUEST_INTERRUPTIBILITY_STATE);
    vcpu->run->tpr = *(u8 *)(hv_virt(vcpu->tpr_page) + TPR_OFFSET) >> 4;
    vcpu->run->finish = LUV_FINISH_RESUME;
}

/* What was put into the entry and did not come to it, ready to be given again. */
static void event_give_back(struct luv_run *run)
{
    u32 event = (u32)vmread(VMCS_VM_ENTRY_INTERRUPTION_INFO);
    if (!(event & VM_ENTRY_INTERRUPTION_INFO_VALID))
        event = 0;
    run->event = event;
    run->event_error = (u32)vmread(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE);
    run->event_length = (u32)vmread(VMCS_VM_ENTRY_INSTRUCTION_LENGTH);
}

static bool has_vpid(void)
{
    return domu_control_word[DOMU_WORD_SECONDARY] & SECONDARY_ENABLE_VPID;
}

/* It was elsewhere, or its state was set: what is cached here under its name is of another time. SDM: 29.4.3.1 */
static void place_take(struct cpu *cpu, struct vcpu *vcpu)
{
    if (vcpu->last_cpu == cpu->index)
        return;
    vcpu->last_cpu = cpu->index;
    host_place_write(cpu);
    if (has_vpid())
        invvpid_single((u16)vmread(VMCS_VPID));
}

/* Mappings taken away since this CPU last looked. See memory_unmap for the other half. */
static void tables_take(const struct cpu *cpu, struct vcpu *vcpu)
{
    struct domain *domain = vcpu->domain;
    u64 generation = __atomic_load_n(&domain->generation, __ATOMIC_SEQ_CST);
    __atomic_store_n(&vcpu->entered, generation, __ATOMIC_SEQ_CST);
    if (domain->seen[cpu->index] == generation)
        return;
    domain->seen[cpu->index] = generation;
    invept_single(domain->eptp);
}

/* Last before an entry, with the timer set: an NMI from here on sets it to 0. */
static bool must_leave(const struct cpu *cpu, const struct vcpu *vcpu)
{
    return *vcpu->leave_now || cpu->nmi_owed || cpu->mc_owed || cpu->init_owed;
}

static void refused(struct cpu *cpu)
{
    domu_forward(cpu, LUV_EXIT_FAIL_ENTRY);
}

static void exit_handle(struct cpu *cpu, struct domain *domain)
{
    u64 reason = vmread(VMCS_EXIT_REASON) & EXIT_REASON_BASIC_MASK;
    if (reason >= EXIT_COUNT) {
        domu_unforeseen(cpu);
        return;
    }
    __atomic_fetch_add(&domain->reasons[reason], 1, __ATOMIC_RELAXED);
    domu_exits[reason](cpu);
}

/* In and out, until the VMM is to be told. */
static void rounds(struct cpu *cpu, struct vcpu *vcpu)
{
    vcpu->left = false;
    for (u32 round = 0; !vcpu->left; round++) {
        if (round == ROUNDS_MAX || must_leave(cpu, vcpu)) {
            event_give_back(vcpu->run);
            vcpu->exit = vcpu->run->exit = LUV_EXIT_INTERRUPTED;
            return;
        }
        if (domu_enter(cpu, round > 0))
            exit_handle(cpu, vcpu->domain);
        else
            refused(cpu);
    }
}

struct answer vcpu_run(struct cpu *cpu, struct vcpu *vcpu)
{
    struct registers own_registers = cpu->guest;
    struct switched own;
    vmcs_take(cpu, vcpu);
    place_take(cpu, vcpu);
    run_take(cpu, vcpu);
    world_barrier(cpu, vcpu);
    world_swap(&own, cpu->own_area, &vcpu->state, hv_virt(vcpu->xsave));
    tables_take(cpu, vcpu);
    vmwrite(VMCS_PREEMPTION_TIMER_VALUE, domu_timer);
    rounds(cpu, vcpu);
    world_swap(&vcpu->state, hv_virt(vcpu->xsave), &own, cpu->own_area);
    run_give(cpu, vcpu);
    vmcs_return(cpu);
    cpu->guest = own_registers;
    u32 exit = vcpu->exit;
    __atomic_fetch_add(&vcpu->domain->exits[exit], 1, __ATOMIC_RELAXED);
    return (struct answer){ .value = exit };
}
