/* A task switch by hardware: what the exit says of it, and what it does to events. */
#include "api/log.h"
#include "emulator/tasks.h"
#include "luvalley/access.h"
#include "luvalley/state_area.h"
#include "luvalley/task.h"

#define LOCAL_BREAKPOINTS 0x155u /* of DR7: SDM, 18.2.4 */

/* They are a task's own. */
static void clear_breakpoints(struct vcpu *vcpu)
{
    struct kvm_debugregs registers;

    if (get_area(vcpu, LUV_STATE_DEBUGREGS, &registers, sizeof registers) || !(registers.dr7 & LOCAL_BREAKPOINTS))
        return;
    registers.dr7 &= ~(uint64_t)LOCAL_BREAKPOINTS;
    set_area(vcpu, LUV_STATE_DEBUGREGS, &registers, sizeof registers);
}

static bool is_software(uint32_t event)
{
    return get_event_type(event) >= LUV_EVENT_TYPE_SOFTWARE_INTERRUPT;
}

/* An event through a task gate is delivered by the switch; an instruction of the guest's is complete with it. */
static struct task_switch read_exit(const struct luv_run *run)
{
    uint64_t qualification = run->task_switch.qualification;
    struct task_switch how = {.selector = (uint16_t)qualification, .source = qualification >> 30 & 3, .length = run->length};

    if (how.source != TASK_GATE)
        return how;
    how.external = !is_software(run->event);
    how.length = how.external ? 0 : run->event_length;
    how.has_code = run->event & LUV_EVENT_ERROR_CODE;
    how.code = run->event_error;
    return how;
}

/* An NMI's task holds further ones back until it returns. */
static void set_blocking(struct luv_run *run, const struct task_switch *how)
{
    bool nmi = how->source == TASK_GATE && get_event_type(run->event) == LUV_EVENT_TYPE_NMI;

    run->blocking = (how->source == TASK_IRET ? 0 : run->blocking & INTERRUPTIBILITY_NMI) | (nmi ? INTERRUPTIBILITY_NMI : 0);
}

enum exit_kind handle_task_switch(struct vcpu *vcpu)
{
    struct luv_run *run = get_own(vcpu)->run;
    struct task_switch how = read_exit(run);
    enum emulated outcome;

    begin_instruction(vcpu);
    outcome = switch_task(&get_own(vcpu)->emulation, &how);
    if (outcome == EMULATED_UNKNOWN) {
        log_line("a task switch by hardware whose tables are no memory; RIP 0x%llx", (unsigned long long)run->rip);
        return report_internal(vcpu, KVM_INTERNAL_ERROR_EMULATION);
    }
    set_blocking(run, &how);
    run->event = 0;
    clear_breakpoints(vcpu);
    vcpu->run->if_flag = run->rflags >> 9 & 1;
    if (outcome == EMULATED_FAULT)
        inject_emulated_fault(vcpu);
    return EXIT_INTERRUPTED;
}
