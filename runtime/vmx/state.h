/*
 * The state of the guest whose VMCS is current, under names that know no processor: what code for dom0 and domUs uses.
 * Plain fields are generated from the facts; here is what one field alone does not say. SVM has the same names.
 */
#pragma once

#include "generated/vmx/state.h"
#include "generated/x86/x86.h"
#include "core/types.h"

/* CR0 and CR4 as the guest reads them: bits that the hypervisor owns come from the read shadow. SDM: 25.6.6 */
static inline u64 guest_cr0_seen(void)
{
    u64 owned = vmread(VMCS_CR0_GUEST_HOST_MASK);
    return (guest_cr0() & ~owned) | (vmread(VMCS_CR0_READ_SHADOW) & owned);
}

static inline u64 guest_cr4_seen(void)
{
    u64 owned = vmread(VMCS_CR4_GUEST_HOST_MASK);
    return (guest_cr4() & ~owned) | (vmread(VMCS_CR4_READ_SHADOW) & owned);
}

/* Of the instruction that caused the last exit. SDM: 28.2.5 */
static inline u64 exit_instruction_length(void)
{
    return vmread(VMCS_EXIT_INSTRUCTION_LENGTH);
}

/* The last exit broke off the delivery of an event. SDM: 28.2.4 */
static inline bool exit_in_delivery(void)
{
    return vmread(VMCS_IDT_VECTORING_INFO) & IDT_VECTORING_INFO_VALID;
}

/* The last exit was an EPT violation by an instruction fetch. SDM: 28.2.1 */
static inline bool exit_is_fetch(void)
{
    return vmread(VMCS_EXIT_QUALIFICATION) & EPT_QUALIFICATION_EXECUTE;
}

/* The exception that caused the last exit. `detail` is CR2's value for #PF, DR6's causes for #DB. SDM: 28.2.1, 28.2.2 */
struct exit_exception {
    u8 vector;
    bool has_error, is_int1;
    u32 error;
    u64 detail;
};

#define INTERRUPTION_TYPE_INT1 5u       /* privileged software exception. SDM: table 25-18 */

static inline struct exit_exception exit_exception(void)
{
    u64 info = vmread(VMCS_EXIT_INTERRUPTION_INFO);
    bool has_error = info & EXIT_INTERRUPTION_INFO_ERROR_CODE_VALID;
    u64 type = (info & EXIT_INTERRUPTION_INFO_TYPE_MASK) >> EXIT_INTERRUPTION_INFO_TYPE_SHIFT;
    return (struct exit_exception){
        .vector = (u8)(info & EXIT_INTERRUPTION_INFO_VECTOR_MASK),
        .has_error = has_error,
        .is_int1 = type == INTERRUPTION_TYPE_INT1,
        .error = has_error ? (u32)vmread(VMCS_EXIT_INTERRUPTION_ERROR_CODE) : 0,
        .detail = vmread(VMCS_EXIT_QUALIFICATION),
    };
}

/* Vectors whose exceptions cause exits, a bit each. */
static inline u32 exception_intercepts(void)
{
    return (u32)vmread(VMCS_EXCEPTION_BITMAP);
}

static inline void set_exception_intercepts(u32 vectors)
{
    vmwrite(VMCS_EXCEPTION_BITMAP, vectors);
}

/* What the guest's TSC is ahead of this CPU's. SDM: 25.6.5 */
static inline u64 tsc_offset(void)
{
    return vmread(VMCS_TSC_OFFSET);
}

static inline void set_tsc_offset(u64 offset)
{
    vmwrite(VMCS_TSC_OFFSET, offset);
}

/* The next VM entry delivers nothing. */
static inline void clear_entry_event(void)
{
    vmwrite(VMCS_VM_ENTRY_INTERRUPTION_INFO, 0);
}

/* What blocks events. The run page has the same form. SDM: 25.4.2 */
#define BLOCKING_STI INTERRUPTIBILITY_STI
#define BLOCKING_MOV_SS INTERRUPTIBILITY_MOV_SS
#define BLOCKING_NMI INTERRUPTIBILITY_NMI

static inline u32 guest_blocking(void)
{
    return (u32)guest_interruptibility();
}

static inline void set_guest_blocking(u32 blocking)
{
    set_guest_interruptibility(blocking);
}

/* STI or MOV SS shadow the next instruction. */
static inline bool guest_in_shadow(void)
{
    return guest_blocking() & (BLOCKING_STI | BLOCKING_MOV_SS);
}

/* From the next VM entry on the CPU waits for a start-up IPI. SDM: 25.4.2 */
static inline void guest_wait_for_sipi(void)
{
    set_guest_blocking(0);
    set_guest_activity(GUEST_ACTIVITY_STATE_STATE_WAIT_FOR_SIPI);
}

/* The CPL is the DPL of SS. SDM: 25.4.1 */
static inline u32 guest_cpl(void)
{
    return (u32)(guest_ss_access() & ACCESS_RIGHTS_DPL_MASK) >> ACCESS_RIGHTS_DPL_SHIFT;
}

/* The page-directory-pointer entries that PAE paging uses. SDM: 25.4.2 */
static inline void set_guest_pdptes(const u64 *entries)
{
    set_guest_pdpte0(entries[0]);
    set_guest_pdpte1(entries[1]);
    set_guest_pdpte2(entries[2]);
    set_guest_pdpte3(entries[3]);
}

/* An event to be delivered, or that was in delivery: all words for them share this layout. SDM: 25.8.3, 25.9.3 */
#define EVENT_VALID VM_ENTRY_INTERRUPTION_INFO_VALID
#define EVENT_ERROR_CODE VM_ENTRY_INTERRUPTION_INFO_ERROR_CODE_VALID
#define EVENT_TYPE_MASK VM_ENTRY_INTERRUPTION_INFO_TYPE_MASK
#define EVENT_TYPE_SHIFT VM_ENTRY_INTERRUPTION_INFO_TYPE_SHIFT
#define EVENT_VECTOR_MASK VM_ENTRY_INTERRUPTION_INFO_VECTOR_MASK
#define EVENT_BITS (EVENT_VALID | EVENT_ERROR_CODE | EVENT_TYPE_MASK | EVENT_VECTOR_MASK)
