/* The rare ends of an exit: events in delivery, pending single-step traps, double and triple faults. */
#include "vmx/events.h"

#include "domu/domu.h"
#include "core/panic.h"

#define EVENT_NMI VM_ENTRY_INTERRUPTION_INFO_TYPE_NMI
#define EVENT_HARDWARE VM_ENTRY_INTERRUPTION_INFO_TYPE_HARDWARE_EXCEPTION
#define EVENT_SOFTWARE VM_ENTRY_INTERRUPTION_INFO_TYPE_SOFTWARE_EXCEPTION
#define EVENT_SOFTWARE_INTERRUPT VM_ENTRY_INTERRUPTION_INFO_TYPE_SOFTWARE_INTERRUPT

static u32 event_type(u64 info)
{
    return (info & EVENT_TYPE_MASK) >> EVENT_TYPE_SHIFT;
}

static u32 event_vector(u64 info)
{
    return info & EVENT_VECTOR_MASK;
}

void guest_wrap(void)
{
    if (!guest_is_64bit())
        set_guest_rip((u32)guest_rip());
}

void guest_pend_single_step(void)
{
    u64 pending = guest_pending_debug();
    if (!(guest_debugctl() & DEBUGCTL_BTF))
        set_guest_pending_debug(pending | PENDING_DEBUG_BS);
}

/* `vectors` is a mask of those with a trait in the facts. */
static bool is_in(u32 vector, u32 vectors)
{
    return vector < 32 && vectors >> vector & 1;
}

/* With STI or MOV SS blocking VM entry insists on the pending trap. SDM: 27.3.1.5 */
void guest_cancel_single_step(void)
{
    u64 pending = guest_pending_debug();
    if (!guest_in_shadow())
        set_guest_pending_debug(pending & ~(u64)PENDING_DEBUG_BS);
}

/* Software exceptions save the RIP of the next instruction. SDM: 27.8.1 */
static u32 exception_type(u32 vector)
{
    return vector == VECTOR_BP || vector == VECTOR_OF ? EVENT_SOFTWARE : EVENT_HARDWARE;
}

static void set_entry_event(u32 vector, bool has_error, u32 error_code)
{
    u32 type = exception_type(vector);
    u64 info = EVENT_VALID | (u64)type << EVENT_TYPE_SHIFT | vector;
    if (has_error && guest_cr0() & CR0_PE) {     /* not in real mode. SDM: 27.2.1.3 */
        info |= EVENT_ERROR_CODE;
        vmwrite(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE, error_code);
    }
    if (type == EVENT_SOFTWARE)
        vmwrite(VMCS_VM_ENTRY_INSTRUCTION_LENGTH, exit_instruction_length());
    if (is_in(vector, VECTORS_FAULT))   /* faults push RFLAGS with RF set. SDM: 18.3.1.1 */
        set_guest_rflags(guest_rflags() | RFLAGS_RF);
    vmwrite(VMCS_VM_ENTRY_INTERRUPTION_INFO, info);
}

/* SDM: table 6-5 */
static bool makes_double_fault(u32 first, u32 second)
{
    u32 after = is_in(first, VECTORS_PAGE_FAULT) ? VECTORS_PAGE_FAULT | VECTORS_CONTRIBUTORY : VECTORS_CONTRIBUTORY;
    return is_in(first, VECTORS_PAGE_FAULT | VECTORS_CONTRIBUTORY) && is_in(second, after);
}

/* dom0's resets the machine; a domU's is reflected to its VMM. */
static void triple_fault(struct cpu *cpu)
{
    if (!cpu->vcpu)
        machine_reset("dom0 triple fault");
    exit_to_vmm(cpu, LUV_EXIT_TRIPLE_FAULT);
}

static void inject(struct cpu *cpu, u32 vector, bool has_error, u32 error_code)
{
    u64 info = vmread(VMCS_IDT_VECTORING_INFO);
    bool nested = info & EVENT_VALID && event_type(info) == EVENT_HARDWARE;
    u32 first = event_vector(info);
    guest_restore_nmi_blocking();
    if (nested && first == VECTOR_DF && is_in(vector, VECTORS_PAGE_FAULT | VECTORS_CONTRIBUTORY))
        triple_fault(cpu);
    else if (nested && makes_double_fault(first, vector))
        set_entry_event(VECTOR_DF, true, 0);
    else
        set_entry_event(vector, has_error, error_code);
}

void guest_inject(struct cpu *cpu, u32 vector)
{
    inject(cpu, vector, false, 0);
}

void guest_inject_error(struct cpu *cpu, u32 vector, u32 error_code)
{
    inject(cpu, vector, true, error_code);
}

void guest_redeliver(void)
{
    u64 info = vmread(VMCS_IDT_VECTORING_INFO);
    if (vmread(VMCS_VM_ENTRY_INTERRUPTION_INFO) & EVENT_VALID)
        return;                         /* the handler has injected what it became */
    if (info & EVENT_ERROR_CODE)
        vmwrite(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE, vmread(VMCS_IDT_VECTORING_ERROR_CODE));
    if (event_type(info) >= EVENT_SOFTWARE_INTERRUPT)
        vmwrite(VMCS_VM_ENTRY_INSTRUCTION_LENGTH, exit_instruction_length());
    if (event_type(info) == EVENT_NMI)  /* its injection requires NMIs unblocked. SDM: 27.3.1.5 */
        set_guest_interruptibility(guest_interruptibility() & ~(u64)INTERRUPTIBILITY_NMI);
    vmwrite(VMCS_VM_ENTRY_INTERRUPTION_INFO, info & (EVENT_VALID | EVENT_ERROR_CODE | EVENT_TYPE_MASK | EVENT_VECTOR_MASK));
}

/* The bit depends on the exit; it is undefined in delivery and for #DF. SDM: 28.2.1, 28.2.2 */
static bool nmi_unblocked_by_iret(void)
{
    u64 info = vmread(VMCS_EXIT_INTERRUPTION_INFO);
    switch (vmread(VMCS_EXIT_REASON) & EXIT_REASON_BASIC_MASK) {
    case EXIT_REASON_EPT_VIOLATION: return vmread(VMCS_EXIT_QUALIFICATION) & EPT_QUALIFICATION_NMI_UNBLOCKING_DUE_TO_IRET;
    case EXIT_REASON_EXCEPTION_OR_NMI:
        return event_vector(info) != VECTOR_DF && info & EXIT_INTERRUPTION_INFO_NMI_UNBLOCKING_DUE_TO_IRET;
    default: return false;
    }
}

void guest_restore_nmi_blocking(void)
{
    bool delivering = exit_in_delivery();
    if (!delivering && nmi_unblocked_by_iret())
        set_guest_interruptibility(guest_interruptibility() | INTERRUPTIBILITY_NMI);
}
