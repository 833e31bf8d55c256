/*
 * Running a vCPU: one hypercall, from dom0's VMCALL to the first exit that is reflected to the VMM. Interrupts are off in root
 * mode, so reading the VMM's immediate_exit last before the entry loses no wake-up: a later one is an interrupt, which causes
 * an exit.
 */
#include "domu/switch.h"
#include "generated/x86/externs.h"
#include "vmx/events.h"

#define BLOCKING_BITS (BLOCKING_STI | BLOCKING_MOV_SS | BLOCKING_NMI)
/* Of luv_run.requests; LUV_REQUESTS_FINISH, which lies between, is of one run only. */
#define REQUESTS_KEPT (LUV_REQUESTS_INTERRUPT_WINDOW | LUV_REQUESTS_NMI_WINDOW | LUV_REQUESTS_TPR_THRESHOLD | LUV_REQUESTS_TPR)

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

/* The VMM has finished the last exit's instruction: what the processor does besides moving RIP. SDM: 26.7.3, 18.3.1.4 */
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
    set_guest_blocking(finish == LUV_FINISH_RESUME ? blocking : blocking & BLOCKING_NMI);
    if (finish != LUV_FINISH_RESUME)
        step_over(rip, next, rflags);
}

/* Without an event nothing is to be done: the last exit, or cancel_injection, has cleared the field. SDM: 27.8, 28.2 */
static void load_event(const struct luv_run *run)
{
    u32 event = ONCE(run->event) & EVENT_BITS;
    if (unlikely(event & EVENT_VALID))
        vcpu_set_entry_event(event, ONCE(run->event_error), ONCE(run->event_length));
}

/* Applies the VMM's requests where they differ from the last run's. A threshold above the TPR has nothing to wait for. */
static void load_requests(struct vcpu *vcpu, u32 requests)
{
    requests &= REQUESTS_KEPT;
    if (likely(requests == vcpu->requests))
        return;
    u8 tpr = (u8)bits_of(requests, LUV_REQUESTS_TPR), threshold = (u8)bits_of(requests, LUV_REQUESTS_TPR_THRESHOLD);
    vcpu->requests = requests;
    *vcpu->tpr = (u8)(tpr << 4);
    vcpu_set_tpr_threshold(min(tpr, threshold));
    vcpu_set_windows(requests & LUV_REQUESTS_INTERRUPT_WINDOW, requests & LUV_REQUESTS_NMI_WINDOW);
}

static void load_run(struct cpu *cpu, struct vcpu *vcpu)
{
    u32 requests = ONCE(vcpu->run->requests);
    load_position(vcpu->run, (u8)bits_of(requests, LUV_REQUESTS_FINISH));
    load_event(vcpu->run);
    load_requests(vcpu, requests);
    if (unlikely(vcpu->breakpoints))
        debug_load_guest(cpu);
}

/* A TPR that the guest has changed is loaded again with the next run, and the threshold with it. */
static void store_tpr(struct vcpu *vcpu)
{
    u8 tpr = *vcpu->tpr >> 4;
    vcpu->run->tpr = tpr;
    if (tpr != bits_of(vcpu->requests, LUV_REQUESTS_TPR))
        vcpu->requests = REQUESTS_NONE;
}

void store_run(struct vcpu *vcpu)
{
    vcpu->run->rsp = guest_rsp();
    vcpu->run->rip = guest_rip();
    vcpu->run->rflags = guest_rflags();
    vcpu->run->blocking = guest_blocking();
    vcpu->run->finish = LUV_FINISH_RESUME;
    store_tpr(vcpu);
}

/* Its last run was on another CPU, or its state was set: what this CPU has cached of it is stale. SDM: 29.4.3.1 */
static void follow_to_cpu(struct cpu *cpu, struct vcpu *vcpu)
{
    if (vcpu->last_cpu == cpu->index)
        return;
    vcpu->last_cpu = cpu->index;
    host_place_write(cpu);
    switched_msrs_place(cpu);
    vcpu_flush_tlb();
}

/* Flushes what was unmapped since this CPU last flushed. See memory_unmap_range for the other half. */
static void flush_stale_mappings(const struct cpu *cpu, struct vcpu *vcpu)
{
    struct domain *domain = vcpu->domain;
    u64 generation = __atomic_load_n(&domain->generation, __ATOMIC_SEQ_CST);
    __atomic_store_n(&vcpu->entry_generation, generation, __ATOMIC_SEQ_CST);
    if (domain->flushed_generation[cpu->index] == generation)
        return;
    domain->flushed_generation[cpu->index] = generation;
    nested_flush(domain->nested_pointer);
}

/* Read last before an entry, after the timer is set: an NMI from here on sets it to 0. */
static bool must_exit(const struct cpu *cpu, const struct vcpu *vcpu)
{
    return *vcpu->immediate_exit || has_pending(cpu);
}

static void interrupt_run(struct vcpu *vcpu)
{
    cancel_injection(vcpu->run);
    vcpu->exits.outcome = vcpu->run->exit = LUV_EXIT_INTERRUPTED;
}

/*
 * What is left of this run's time, for the next entry: from its first exit that was handled here on it has that of one timer,
 * however often it exits. False: nothing.
 */
static bool limit_run(struct vcpu *vcpu)
{
    u64 now = host_rdtsc();
    if (!vcpu->run_end)
        vcpu->run_end = now + RUN_CYCLES;
    if (now >= vcpu->run_end)
        return false;
    vcpu_limit_timer(vcpu->run_end - now);
    return true;
}

/* After an exit whose outcome is that the guest runs again. */
bool domu_may_resume(struct cpu *cpu)
{
    struct vcpu *vcpu = cpu->vcpu;
    if (likely(limit_run(vcpu) && !must_exit(cpu, vcpu)))
        return true;
    interrupt_run(vcpu);
    return false;
}

void domu_entry_refused(struct cpu *cpu)
{
    exit_to_vmm(cpu, LUV_EXIT_ENTRY_FAILURE);
}

/* Handlers find the guest's registers in struct cpu, where dom0's are not needed meanwhile. */
void call_with_registers(struct cpu *cpu, void (*handle)(struct cpu *))
{
    struct registers dom0 = cpu->guest;
    load_registers(cpu, cpu->vcpu->run);
    handle(cpu);
    store_registers(cpu, cpu->vcpu->run);
    cpu->guest = dom0;
}

/* Entries and exits, until one is reflected to the VMM: generated/vmx/exits.asm. Two registers are kept. */
static inline void enter(struct luv_run *run, struct vcpu_exits *exits)
{
    asm volatile("call domu_enter"
                 : "+D"(run), "+S"(exits)
                 :
                 : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
}

struct answer vcpu_run(struct cpu *cpu, struct vcpu *vcpu)
{
    vcpu_load(cpu, vcpu);
    follow_to_cpu(cpu, vcpu);
    load_run(cpu, vcpu);
    load_guest_state(cpu, vcpu);
    flush_stale_mappings(cpu, vcpu);
    vcpu_start_timer();
    vcpu->exits.outcome = OUTCOME_RESUME;
    vcpu->run_end = 0;
    if (unlikely(must_exit(cpu, vcpu)))
        interrupt_run(vcpu);
    else
        enter(vcpu->run, &vcpu->exits);
    load_dom0_state(cpu, vcpu);
    store_run(vcpu);
    vcpu_put(cpu);
    vcpu->runs[vcpu->exits.outcome]++;
    return (struct answer){.value = vcpu->exits.outcome};
}
