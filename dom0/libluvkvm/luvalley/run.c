/* VM entry, and the exit after it. Everything the guest needs is in the run page; an exit costs one hypercall. */
#include <errno.h>
#include <string.h>

#include "cpu/kvm_hypercalls.h"
#include "api/kick.h"
#include "api/log.h"
#include "luvalley_abi.h"
#include "luvalley/access.h"
#include "luvalley/cpuid.h"
#include "luvalley/events.h"
#include "luvalley/interrupts.h"
#include "luvalley/run.h"
#include "luvalley/state_area.h"
#include "luvalley/task.h"
#include "generated/x86/x86.h"

/* --- Answers --- */

static void finish(struct vcpu *vcpu)
{
    get_own(vcpu)->run->finish = LUV_FINISH_ADVANCE;
}

static void fault(struct vcpu *vcpu)
{
    inject_exception(vcpu, VECTOR_GP, true, 0);
}

void vmcall_answer_msr(struct vcpu *vcpu, uint64_t value, bool bad)
{
    struct luv_run *run = get_own(vcpu)->run;

    if (bad) {
        fault(vcpu);
        return;
    }
    finish(vcpu);
    if (run->exit == LUV_EXIT_MSR_READ) {
        run->rax = (uint32_t)value;
        run->rdx = value >> 32;
    }
}

/* --- Exits --- */

static uint64_t get_value(const struct luv_run *run)
{
    return run->rdx << 32 | (uint32_t)run->rax;
}

static enum exit_kind handle_msr(struct vcpu *vcpu, enum exit_kind kind)
{
    const struct luv_run *run = get_own(vcpu)->run;

    vcpu->msr.index = (uint32_t)run->rcx;
    vcpu->msr.data = get_value(run);
    return kind;
}

static enum exit_kind handle_cpuid(struct vcpu *vcpu)
{
    const struct luv_run *run = get_own(vcpu)->run;

    vcpu->leaf = (uint32_t)run->rax;
    vcpu->subleaf = (uint32_t)run->rcx;
    return EXIT_CPUID;
}

/* The trap of a single step ends the wait before it begins. */
static enum exit_kind handle_halt(struct vcpu *vcpu)
{
    finish(vcpu);
    return get_own(vcpu)->run->rflags & RFLAGS_TF ? EXIT_INTERRUPTED : EXIT_HALT;
}

static noinline enum exit_kind handle_xsetbv(struct vcpu *vcpu)
{
    const struct luv_run *run = get_own(vcpu)->run;

    if (set_xcr0(vcpu, (uint32_t)run->rcx, get_value(run)))
        finish(vcpu);
    else
        fault(vcpu);
    return EXIT_INTERRUPTED;
}

/* Only a guest's kernel may call. */
static noinline enum exit_kind handle_vmcall(struct vcpu *vcpu)
{
    struct luv_run *run = get_own(vcpu)->run;
    const uint64_t arguments[4] = {run->rbx, run->rcx, run->rdx, run->rsi};
    bool user = run->mode.ss_rights >> 5 & 3, wide = run->mode.efer & EFER_LMA && run->mode.cs_rights & ACCESS_RIGHTS_L;

    finish(vcpu);
    run->rax = user ? -(uint64_t)EPERM : (uint64_t)answer_kvm_hypercall(vcpu, run->rax, arguments, wide);
    return EXIT_INTERRUPTED;
}

static noinline enum exit_kind handle_exception(struct vcpu *vcpu)
{
    struct luv_run *run = get_own(vcpu)->run;
    struct kvm_sregs sregs = {0};

    get_area(vcpu, LUV_STATE_SREGS, &sregs, sizeof sregs);
    vcpu->run->exit_reason = KVM_EXIT_DEBUG;
    vcpu->run->debug.arch = (struct kvm_debug_exit_arch){
        .exception = run->exception.info & 0xFF,
        .pc = sregs.cs.base + run->rip,
        .dr6 = run->exception.qualification | 0xFFFF0FF0,
        .dr7 = 0x400,
    };
    return EXIT_TO_USER;
}

static noinline enum exit_kind handle_entry_failure(struct vcpu *vcpu)
{
    const struct luv_run *run = get_own(vcpu)->run;

    log_line("the processor's state is one that no entry may have: reason 0x%x, rule %u; `luv log` has its name",
             run->fail.reason, run->fail.rule);
    vcpu->run->exit_reason = KVM_EXIT_FAIL_ENTRY;
    vcpu->run->fail_entry.hardware_entry_failure_reason = run->fail.reason;
    vcpu->run->fail_entry.cpu = 0;
    return EXIT_TO_USER;
}

static noinline enum exit_kind handle_unexpected(struct vcpu *vcpu)
{
    const struct luv_run *run = get_own(vcpu)->run;

    log_line("an unexpected exit: reason 0x%x, RIP 0x%llx", run->fail.reason, (unsigned long long)run->rip);
    return report_internal(vcpu, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON);
}

/* An NMI window concerns no other layer. */
static enum exit_kind handle_nmi_window(struct vcpu *vcpu)
{
    get_own(vcpu)->run->windows &= (uint8_t)~LUV_REQUESTS_NMI_WINDOW;
    return EXIT_INTERRUPTED;
}

/* The most frequent one first. */
static enum exit_kind handle_exit(struct vcpu *vcpu)
{
    uint32_t exit = get_own(vcpu)->run->exit;

    if (exit == LUV_EXIT_IO)
        return handle_io(vcpu);
    switch (exit) {
    case LUV_EXIT_INTERRUPTED: return EXIT_INTERRUPTED;
    case LUV_EXIT_NESTED_PAGE_FAULT: return handle_nested_page_fault(vcpu);
    case LUV_EXIT_CPUID: return handle_cpuid(vcpu);
    case LUV_EXIT_MSR_READ: return handle_msr(vcpu, EXIT_MSR_READ);
    case LUV_EXIT_MSR_WRITE: return handle_msr(vcpu, EXIT_MSR_WRITE);
    case LUV_EXIT_HALT: return handle_halt(vcpu);
    case LUV_EXIT_XSETBV: return handle_xsetbv(vcpu);
    case LUV_EXIT_INTERRUPT_WINDOW:
    case LUV_EXIT_TPR_BELOW_THRESHOLD: return EXIT_WINDOW;
    case LUV_EXIT_NMI_WINDOW: return handle_nmi_window(vcpu);
    case LUV_EXIT_TRIPLE_FAULT: return EXIT_SHUTDOWN;
    case LUV_EXIT_ENTRY_FAILURE: return handle_entry_failure(vcpu);
    case LUV_EXIT_EXCEPTION: return handle_exception(vcpu);
    case LUV_EXIT_HYPERCALL: return handle_vmcall(vcpu);
    case LUV_EXIT_TASK_SWITCH: return handle_task_switch(vcpu);
    default: return handle_unexpected(vcpu);
    }
}

/* --- VM entry --- */

static noinline enum exit_kind report_refusal(struct vcpu *vcpu, int64_t status)
{
    vcpu->error = status == -EBUSY ? status : -EIO;
    log_line("Luvalley does not run the processor %u: error %lld", vcpu->id, (long long)-status);
    return EXIT_ERROR;
}

static void prepare_entry(struct vcpu *vcpu)
{
    struct luv_run *run = get_own(vcpu)->run;

    run->tpr = apic_get_cr8(vcpu);
    run->mode.cr4 = CR4_UNKNOWN;
}

static enum exit_kind end_entry(struct vcpu *vcpu, int64_t status)
{
    const struct luv_run *run = get_own(vcpu)->run;

    atomic_store_explicit(&vcpu->reachable, false, memory_order_relaxed);
    if (status)
        return report_refusal(vcpu, status);
    apic_set_cr8(vcpu, run->tpr);
    vcpu->run->if_flag = run->rflags >> 9 & 1;
    return handle_exit(vcpu);
}

/* The next round of a repeated instruction; the guest does it itself if an event comes first. */
static noinline bool repeat(struct vcpu *vcpu, enum exit_kind *kind)
{
    struct vmcall_vcpu *own = get_own(vcpu);

    if (own->rip != own->run->rip || own->run->event & LUV_EVENT_VALID) {
        own->access_state = ACCESS_NONE;
        return false;
    }
    *kind = EXIT_INTERRUPTED;
    if (!is_exit_requested(vcpu))
        continue_emulation(vcpu, kind);
    return true;
}

/* Complete what is pending before VM entry. True: `kind` is an exit. */
static noinline bool do_first(struct vcpu *vcpu, enum exit_kind *kind)
{
    struct vmcall_vcpu *own = get_own(vcpu);

    if (own->has_deferred) {
        *kind = own->deferred;
        own->has_deferred = false;
        return true;
    }
    if (own->access_state == ACCESS_ANSWERED && continue_emulation(vcpu, kind))
        return true;
    return own->access_state == ACCESS_REPEATED && repeat(vcpu, kind);
}

/* From here on each signal to this thread sets the byte that the hypervisor reads last: none is lost. */
static bool be_reachable(struct vcpu *vcpu)
{
    if (vcpu->run->immediate_exit & KICKED)
        __atomic_fetch_and(&vcpu->run->immediate_exit, (uint8_t)~KICKED, __ATOMIC_RELAXED);
    atomic_store(&vcpu->reachable, true);
    return !atomic_load_explicit(&vcpu->work, memory_order_relaxed);
}

enum exit_kind vmcall_run(struct vcpu *vcpu)
{
    struct vmcall_vcpu *own = get_own(vcpu);
    bool stepping = own->debug.control & KVM_GUESTDBG_SINGLESTEP; /* by a debugger: the flag is not the guest's */
    enum exit_kind kind;
    uint64_t value;

    if ((own->access_state != ACCESS_NONE || own->has_deferred) && do_first(vcpu, &kind))
        return kind;
    if (own->nmis)
        inject_nmi(vcpu);
    if (!be_reachable(vcpu) && !is_exit_requested(vcpu)) {
        atomic_store(&vcpu->reachable, false);
        return EXIT_INTERRUPTED;
    }
    if (stepping)
        own->run->rflags |= RFLAGS_TF;
    prepare_entry(vcpu);
    kind = end_entry(vcpu, luv_hypercall(&own->enter, &value));
    if (stepping)
        own->run->rflags &= ~(uint64_t)RFLAGS_TF;
    return kind;
}

/* The hypervisor steps over instructions at the next entry: make one that ends before the guest runs. */
void vmcall_settle(struct vcpu *vcpu)
{
    struct vmcall_vcpu *own = get_own(vcpu);
    uint64_t value;
    int64_t status;

    if (own->access_state == ACCESS_ANSWERED && !own->has_deferred)
        own->has_deferred = continue_emulation(vcpu, &own->deferred);
    if (own->run->finish == LUV_FINISH_RESUME || own->has_deferred)
        return;
    __atomic_fetch_or(&vcpu->run->immediate_exit, KICKED, __ATOMIC_RELAXED);
    prepare_entry(vcpu);
    status = luv_hypercall(&own->enter, &value);
    own->has_deferred = status != 0;
    if (status)
        own->deferred = report_refusal(vcpu, status);
}
