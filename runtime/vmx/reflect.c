/* An exit is reflected to the VMM: its kind, and the part of the VMCS that a VMM needs for that kind, go to the run page. */
#include "core/log.h"
#include "generated/vmx/checks.h"
#include "vmx/entry_checks.h"
#include "vmx/events.h"
#include "vmx/vcpu.h"

#define RULES_LOGGED 32u

/* INS and OUTS in the instruction-information field. SDM: table 28-8 */
#define STRING_ADDRESS_SIZE(info) (2u << ((info) >> 7 & 7))
#define STRING_SEGMENT(info) ((info) >> 15 & 7)

_Static_assert(EVENT_VALID == LUV_EVENT_VALID && EVENT_ERROR_CODE == LUV_EVENT_ERROR_CODE &&
                   EVENT_TYPE_MASK == LUV_EVENT_TYPE && EVENT_VECTOR_MASK == LUV_EVENT_VECTOR,
               "enum luv_event");
_Static_assert(VM_ENTRY_INTERRUPTION_INFO_TYPE_EXTERNAL_INTERRUPT == LUV_EVENT_TYPE_EXTERNAL &&
                   VM_ENTRY_INTERRUPTION_INFO_TYPE_NMI == LUV_EVENT_TYPE_NMI &&
                   VM_ENTRY_INTERRUPTION_INFO_TYPE_HARDWARE_EXCEPTION == LUV_EVENT_TYPE_HARDWARE &&
                   VM_ENTRY_INTERRUPTION_INFO_TYPE_SOFTWARE_INTERRUPT == LUV_EVENT_TYPE_SOFTWARE_INTERRUPT &&
                   VM_ENTRY_INTERRUPTION_INFO_TYPE_PRIVILEGED_SOFTWARE_EXCEPTION == LUV_EVENT_TYPE_PRIVILEGED &&
                   VM_ENTRY_INTERRUPTION_INFO_TYPE_SOFTWARE_EXCEPTION == LUV_EVENT_TYPE_SOFTWARE_EXCEPTION,
               "enum luv_event_type");

static void store_segments(struct luv_mode *mode)
{
    mode->es_base = guest_es_base(), mode->cs_base = guest_cs_base();
    mode->ss_base = guest_ss_base(), mode->ds_base = guest_ds_base();
    mode->fs_base = guest_fs_base(), mode->gs_base = guest_gs_base();
    mode->es_limit = (u32)guest_es_limit(), mode->cs_limit = (u32)guest_cs_limit();
    mode->ss_limit = (u32)guest_ss_limit(), mode->ds_limit = (u32)guest_ds_limit();
    mode->fs_limit = (u32)guest_fs_limit(), mode->gs_limit = (u32)guest_gs_limit();
    mode->es_rights = (u32)guest_es_access(), mode->cs_rights = (u32)guest_cs_access();
    mode->ss_rights = (u32)guest_ss_access(), mode->ds_rights = (u32)guest_ds_access();
    mode->fs_rights = (u32)guest_fs_access(), mode->gs_rights = (u32)guest_gs_access();
}

static void store_mode(struct luv_run *run)
{
    run->mode.cr0 = guest_cr0_seen();
    run->mode.cr3 = guest_cr3();
    run->mode.cr4 = guest_cr4_seen();
    run->mode.efer = guest_efer();
    store_segments(&run->mode);
}

/* The word in the run page has the layout of the exit qualification. */
#define IO_WORD                                                                                                       \
    (IO_QUALIFICATION_SIZE_MINUS_ONE_MASK | IO_QUALIFICATION_INPUT | IO_QUALIFICATION_STRING | IO_QUALIFICATION_REP | \
     IO_QUALIFICATION_PORT_MASK)
_Static_assert(IO_QUALIFICATION_SIZE_MINUS_ONE_MASK == LUV_IO_SIZE_MINUS_ONE && IO_QUALIFICATION_INPUT == LUV_IO_IN &&
                   IO_QUALIFICATION_STRING == LUV_IO_STRING && IO_QUALIFICATION_REP == LUV_IO_REP,
               "enum luv_io");
_Static_assert(offsetof(struct luv_run, io.port) - offsetof(struct luv_run, io.word) == IO_QUALIFICATION_PORT_SHIFT / 8, "");

static void store_io(struct luv_run *run)
{
    u64 q = vmread(VMCS_EXIT_QUALIFICATION);
    run->io.word = (u32)(q & IO_WORD);
    if (likely(!(q & IO_QUALIFICATION_STRING)))
        return;
    u64 info = vmread(VMCS_EXIT_INSTRUCTION_INFO);
    run->io.address_size = (u8)STRING_ADDRESS_SIZE(info);
    run->io.segment = (u8)STRING_SEGMENT(info);
    store_mode(run);
}

static u32 access_of(u64 q)
{
    u32 mapped = EPT_QUALIFICATION_READABLE | EPT_QUALIFICATION_WRITABLE | EPT_QUALIFICATION_EXECUTABLE;
    bool linear = q & EPT_QUALIFICATION_LINEAR_VALID && q & EPT_QUALIFICATION_TRANSLATED;
    return (q & EPT_QUALIFICATION_READ ? LUV_MEMORY_READ : 0) | (q & EPT_QUALIFICATION_WRITE ? LUV_MEMORY_WRITE : 0) |
        (q & EPT_QUALIFICATION_EXECUTE ? LUV_MEMORY_FETCH : 0) | (linear ? LUV_MEMORY_LINEAR : 0) |
        (q & mapped ? LUV_MEMORY_MAPPED : 0);
}

static void store_nested_page_fault(struct luv_run *run)
{
    run->memory.physical = vmread(VMCS_GUEST_PHYSICAL_ADDRESS);
    run->memory.linear = vmread(VMCS_GUEST_LINEAR_ADDRESS);
    run->memory.flags = access_of(vmread(VMCS_EXIT_QUALIFICATION));
    store_mode(run);
}

static void store_exception(struct luv_run *run)
{
    run->exception.info = (u32)vmread(VMCS_EXIT_INTERRUPTION_INFO);
    run->exception.error = (u32)vmread(VMCS_EXIT_INTERRUPTION_ERROR_CODE);
    run->exception.qualification = vmread(VMCS_EXIT_QUALIFICATION);
}

/* The log has the first failures, then the 64th, 128th ...: a VMM that fails on purpose must not flood it. */
static void log_failed_rule(const struct vcpu *vcpu, const char *name)
{
    static u32 failures;
    u32 before = __atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
    if (before >= RULES_LOGGED && before & (before + 1))
        return;
    log_line(name ? name : "VM entry refused, and no rule says why", 0, 0);
    log_line("luvalley: that rule refused the state of a vCPU: domain %, vCPU %", vcpu->domain->index, vcpu->index);
}

static void store_entry_failure(struct cpu *cpu, struct luv_run *run)
{
    u64 reason = vmread(VMCS_EXIT_REASON), error = vmread(VMCS_VM_INSTRUCTION_ERROR);
    run->fail.reason = (u32)(reason & EXIT_REASON_ENTRY_FAILURE ? reason & EXIT_REASON_BASIC_MASK : error);
    run->fail.qualification = vmread(VMCS_EXIT_QUALIFICATION);
    struct violated_rule violated = checks_first();
    run->fail.rule = violated.number;
    log_failed_rule(cpu->vcpu, violated.name);
    clear_entry_event();    /* an entry that failed has not cleared it. SDM: 27.8 */
}

static void store_unexpected(struct luv_run *run)
{
    run->fail.reason = (u32)vmread(VMCS_EXIT_REASON);
    run->fail.rule = CHECK_RULES;
    run->fail.qualification = vmread(VMCS_EXIT_QUALIFICATION);
}

static void store_kind(struct cpu *cpu, struct luv_run *run, u32 kind)
{
    switch (kind) {
    case LUV_EXIT_NESTED_PAGE_FAULT: store_nested_page_fault(run); break;
    case LUV_EXIT_CPUID: run->mode.cr4 = guest_cr4_seen(); break;         /* two bits of the answer mirror it */
    case LUV_EXIT_EXCEPTION: store_exception(run); break;
    case LUV_EXIT_ENTRY_FAILURE: store_entry_failure(cpu, run); break;
    case LUV_EXIT_UNEXPECTED: store_unexpected(run); break;
    case LUV_EXIT_HYPERCALL: store_mode(run); break;
    case LUV_EXIT_TASK_SWITCH:
        run->task_switch.qualification = vmread(VMCS_EXIT_QUALIFICATION);
        store_mode(run);
        break;
    default: break;
    }
}

/* An event whose delivery the exit interrupted: the next entry delivers it again, unless the VMM replaces it. */
static u32 store_event(struct luv_run *run)
{
    u64 info = vmread(VMCS_IDT_VECTORING_INFO);
    if (likely(!(info & IDT_VECTORING_INFO_VALID)))
        return 0;
    run->event_error = (u32)vmread(VMCS_IDT_VECTORING_ERROR_CODE);
    run->event_length = (u32)exit_instruction_length();
    if ((info & VM_ENTRY_INTERRUPTION_INFO_TYPE_MASK) >> VM_ENTRY_INTERRUPTION_INFO_TYPE_SHIFT ==
        VM_ENTRY_INTERRUPTION_INFO_TYPE_NMI)
        set_guest_interruptibility(guest_interruptibility() & ~(u64)INTERRUPTIBILITY_NMI);
    return (u32)info & EVENT_BITS;
}

/* Every exit after a successful entry has cleared the event's valid bit. SDM: 28.2 */
void cancel_injection(struct luv_run *run)
{
    u32 event = (u32)vmread(VMCS_VM_ENTRY_INTERRUPTION_INFO);
    if (!(event & VM_ENTRY_INTERRUPTION_INFO_VALID))
        event = 0;
    run->event = event;
    run->event_error = (u32)vmread(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE);
    run->event_length = (u32)vmread(VMCS_VM_ENTRY_INSTRUCTION_LENGTH);
    clear_entry_event();
}

/* An entry that failed has delivered nothing, and its event is still in the VMCS. SDM: 27.8 */
static bool is_entry_failed(void)
{
    return vmread(VMCS_EXIT_REASON) & EXIT_REASON_ENTRY_FAILURE;
}

static void store_others(struct cpu *cpu, struct luv_run *run, u32 kind)
{
    if (kind == LUV_EXIT_INTERRUPTED && unlikely(is_entry_failed()))
        cancel_injection(run);           /* a machine check hit the entry */
    else if (kind != LUV_EXIT_ENTRY_FAILURE && kind != LUV_EXIT_TRIPLE_FAULT)
        run->event = store_event(run);
    if (kind == LUV_EXIT_NESTED_PAGE_FAULT || kind == LUV_EXIT_EXCEPTION)
        guest_restore_nmi_blocking();        /* an IRET may have caused these exits */
    store_kind(cpu, run, kind);
}

/* Ports first: devices are polled by them, and delivering an event never accesses one. */
void exit_to_vmm(struct cpu *cpu, u32 kind)
{
    struct vcpu *vcpu = cpu->vcpu;
    struct luv_run *run = vcpu->run;
    vcpu->exits.outcome = run->exit = kind;
    run->event = 0;
    run->length = (u32)exit_instruction_length();
    if (unlikely(guest_rflags() & RFLAGS_TF))
        guest_cancel_single_step();
    if (likely(kind == LUV_EXIT_IO))
        store_io(run);
    else
        store_others(cpu, run, kind);
}

void domu_exit_unexpected(struct cpu *cpu)
{
    exit_to_vmm(cpu, LUV_EXIT_UNEXPECTED);
}
