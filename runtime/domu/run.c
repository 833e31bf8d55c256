/*
 * Running a vCPU: one hypercall, from dom0's VMCALL to the first exit that is not ours to answer. Interrupts stay off in
 * root mode, so what reads the VMM's "leave now" last loses no wake-up: a later one is an interrupt, and ends the entry.
 */
#include "domu/run.h"

#include "generated/controls.h"
#include "generated/externs.h"
#include "generated/x86.h"
#include "vmx/events.h"
#include "core/host.h"
#include "domu/switch_msrs.h"
#include "domu/switch.h"

#define ROUNDS_MAX 1000u                /* exits answered here before dom0 is looked at again */
#define BLOCKING_BITS (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS | INTERRUPTIBILITY_NMI)
/* Of luv_run.requests; what lies between is `finish`, which is not among what is remembered. */
#define REQUESTS_KNOWN 0x0F0F00FFu
#define REQUESTS_FINISH_SHIFT 8
#define REQUESTS_THRESHOLD_SHIFT 16
#define REQUESTS_TPR_SHIFT 24

/* The VMM may write meanwhile: one read each. */
#define ONCE(place) (*(const volatile typeof(place) *)&(place))

void load_registers(struct cpu *cpu, const struct luv_run *run)
{
    struct registers *r = &cpu->guest;
    r->rax = run->rax, r->rbx = run->rbx, r->rcx = run->rcx, r->rdx = run->rdx, r->rsi = run->rsi, r->rdi = run->rdi;
    r->rbp = run->rbp, r->r8 = run->r8, r->r9 = run->r9, r->r10 = run->r10, r->r11 = run->r11, r->r12 = run->r12;
    r->r13 = run->r13, r->r14 = run->r14, r->r15 = run->r15;
}

void store_registers(const struct cpu *cpu, struct luv_run *run)
{
    const struct registers *r = &cpu->guest;
    run->rax = r->rax, run->rbx = r->rbx, run->rcx = r->rcx, run->rdx = r->rdx, run->rsi = r->rsi, run->rdi = r->rdi;
    run->rbp = r->rbp, run->r8 = r->r8, run->r9 = r->r9, run->r10 = r->r10, run->r11 = r->r11, run->r12 = r->r12;
    run->r13 = r->r13, run->r14 = r->r14, run->r15 = r->r15;
}

/* The last exit's instruction, which the VMM says is done. Into the entry's RIP; SDM: 26.7.3, 18.3.1.4 for the rest. */
static void step_over(u64 from, u64 to, u64 rflags)
{
    if (unlikely((from ^ to) >> 32))
        guest_wrap();
    if (unlikely(rflags & RFLAGS_TF))
        guest_pend_single_step();
}

static void load_position(const struct luv_run *run, u8 finish)
{
    u64 rip = ONCE(run->rip), rflags = ONCE(run->rflags);
    u32 blocking = ONCE(run->blocking) & BLOCKING_BITS;
    u64 next = finish == LUV_FINISH_ADVANCE ? rip + exit_instruction_length() : rip;
    set_guest_rsp(run->rsp);
    set_guest_rip(next);
    set_guest_rflags(rflags);
    set_guest_interruptibility(finish == LUV_FINISH_RESUME ? blocking : blocking & INTERRUPTIBILITY_NMI);
    if (finish != LUV_FINISH_RESUME)
        step_over(rip, next, rflags);
}

/* Without one the field says so already: the last exit has cleared it, or who took back what never went in. SDM: 27.8, 28.2 */
static void load_event(const struct luv_run *run)
{
    u32 event = ONCE(run->event) & EVENT_BITS;
    if (likely(!(event & VM_ENTRY_INTERRUPTION_INFO_VALID)))
        return;
    vmwrite(VMCS_VM_ENTRY_INTERRUPTION_INFO, event);
    vmwrite(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE, ONCE(run->event_error));
    vmwrite(VMCS_VM_ENTRY_INSTRUCTION_LENGTH, ONCE(run->event_length));
}

/* A threshold above the TPR would be refused: there is nothing to wait for. SDM: 27.2.1.1 */
static void load_tpr(struct vcpu *vcpu, u8 tpr, u8 threshold)
{
    *vcpu->tpr = (u8)(tpr << 4);
    vmwrite(VMCS_TPR_THRESHOLD, min(tpr, threshold));
}

static void load_windows(u8 want)
{
    u64 word = domu_control_word[DOMU_WORD_PRIMARY];
    word |= want & LUV_WANT_WINDOW ? PRIMARY_INTERRUPT_WINDOW_EXITING : 0;
    word |= want & LUV_WANT_NMI_WINDOW ? PRIMARY_NMI_WINDOW_EXITING : 0;
    vmwrite(VMCS_PRIMARY_CONTROLS, word | PRIMARY_MOV_DR_EXITING);
}

/* What the VMM requests, where it differs from the last time. */
static void load_requests(struct vcpu *vcpu, u32 requests)
{
    requests &= REQUESTS_KNOWN;
    if (likely(requests == vcpu->requests))
        return;
    vcpu->requests = requests;
    load_tpr(vcpu, (u8)(requests >> REQUESTS_TPR_SHIFT), (u8)(requests >> REQUESTS_THRESHOLD_SHIFT));
    load_windows((u8)requests);
}

static void load_run(struct cpu *cpu, struct vcpu *vcpu)
{
    u32 requests = ONCE(vcpu->run->requests);
    load_position(vcpu->run, (u8)(requests >> REQUESTS_FINISH_SHIFT));
    load_event(vcpu->run);
    load_requests(vcpu, requests);
    if (unlikely(vcpu->breakpoints))
        debug_load_guest(cpu);
}

/* A TPR that the guest has changed is taken anew, threshold and all, when it comes back. */
static void store_tpr(struct vcpu *vcpu)
{
    u8 tpr = *vcpu->tpr >> 4;
    vcpu->run->tpr = tpr;
    if (tpr != (u8)(vcpu->requests >> REQUESTS_TPR_SHIFT))
        vcpu->requests = REQUESTS_NONE;
}

void store_run(struct vcpu *vcpu)
{
    vcpu->run->rsp = guest_rsp();
    vcpu->run->rip = guest_rip();
    vcpu->run->rflags = guest_rflags();
    vcpu->run->blocking = (u32)guest_interruptibility();
    vcpu->run->finish = LUV_FINISH_RESUME;
    store_tpr(vcpu);
}

static bool has_vpid(void)
{
    return domu_control_word[DOMU_WORD_SECONDARY] & SECONDARY_ENABLE_VPID;
}

/* It was elsewhere, or its state was set: what is cached here under its name is of another time. SDM: 29.4.3.1 */
static void follow_to_cpu(struct cpu *cpu, struct vcpu *vcpu)
{
    if (vcpu->last_cpu == cpu->index)
        return;
    vcpu->last_cpu = cpu->index;
    host_place_write(cpu);
    switched_msrs_place(cpu);
    if (has_vpid())
        invvpid_single((u16)vmread(VMCS_VPID));
}

/* Mappings taken away since this CPU last looked. See memory_unmap for the other half. */
static void flush_stale_mappings(const struct cpu *cpu, struct vcpu *vcpu)
{
    struct domain *domain = vcpu->domain;
    u64 generation = __atomic_load_n(&domain->generation, __ATOMIC_SEQ_CST);
    __atomic_store_n(&vcpu->entry_generation, generation, __ATOMIC_SEQ_CST);
    if (domain->seen[cpu->index] == generation)
        return;
    domain->seen[cpu->index] = generation;
    invept_single(domain->eptp);
}

/* Last before an entry, with the timer set: an NMI from here on sets it to 0. */
static bool must_exit(const struct cpu *cpu, const struct vcpu *vcpu)
{
    return *vcpu->immediate_exit || has_pending(cpu);
}

/*
 * The guest's registers but RSP go straight from the run page to the processor, and back. RBP is kept, and what else C has
 * in registers it keeps itself. True after an exit; false: the processor refused the instruction.
 */
static inline bool enter(struct luv_run *run, u32 launched)
{
    u32 entry_generation;
    asm volatile("call domu_enter"
                 : "=a"(entry_generation), "+D"(run), "+S"(launched)
                 :
                 : "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
    return entry_generation;
}

static void entry_refused(struct cpu *cpu)
{
    exit_to_vmm(cpu, LUV_EXIT_FAIL_ENTRY);
}

/* The handler has the guest's registers in struct cpu, where dom0's are meanwhile not needed. */
static void exit_answer(struct cpu *cpu, struct luv_run *run, void (*answer)(struct cpu *))
{
    struct registers own = cpu->guest;
    load_registers(cpu, run);
    answer(cpu);
    store_registers(cpu, run);
    cpu->guest = own;
}

static void exit_handle(struct cpu *cpu, struct vcpu *vcpu)
{
    u64 reason = vmread(VMCS_EXIT_REASON) & EXIT_REASON_BASIC_MASK;
    const struct exit_choice *choice = &domu_exits[reason < EXIT_COUNT ? reason : 0];
    if (likely(reason < EXIT_COUNT))
        vcpu->counts[COUNT_REASONS + reason]++;
    if (unlikely(reason >= EXIT_COUNT))
        domu_exit_unexpected(cpu);
    else if (likely(choice->reflected))
        exit_to_vmm(cpu, choice->reason);
    else
        exit_answer(cpu, vcpu->run, choice->handle);
}

/* In and out, until the VMM is to be told. */
static void run_loop(struct cpu *cpu, struct vcpu *vcpu)
{
    vcpu->left = false;
    for (u32 round = 0; !vcpu->left; round++) {
        if (round == ROUNDS_MAX || must_exit(cpu, vcpu)) {
            cancel_injection(vcpu->run);
            vcpu->exit = vcpu->run->exit = LUV_EXIT_INTERRUPTED;
            return;
        }
        if (enter(vcpu->run, round))
            exit_handle(cpu, vcpu);
        else
            entry_refused(cpu);
    }
}

struct answer vcpu_run(struct cpu *cpu, struct vcpu *vcpu)
{
    vcpu_load(cpu, vcpu);
    follow_to_cpu(cpu, vcpu);
    load_run(cpu, vcpu);
    load_guest_state(cpu, vcpu);
    flush_stale_mappings(cpu, vcpu);
    vmwrite(VMCS_PREEMPTION_TIMER_VALUE, domu_timer);
    run_loop(cpu, vcpu);
    load_dom0_state(cpu, vcpu);
    store_run(vcpu);
    vcpu_put(cpu);
    vcpu->counts[vcpu->exit]++;
    return (struct answer){.value = vcpu->exit};
}
