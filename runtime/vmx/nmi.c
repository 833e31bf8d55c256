/*
 * The host's NMI handler marks the NMI pending and enables NMI-window exiting, so that the next VM entry exits as soon as dom0
 * can accept it. There is no check before the entry to race with. The control words are constants: writing them twice does no
 * harm. SDM: 25.6.1, 25.6.2
 */
#include "vmx/nmi.h"

#include "generated/vmx/controls.h"
#include "vmx/events.h"
#include "core/panic.h"
#include "dom0/cpus.h"

#define EVENT_NMI                                    \
    (VM_ENTRY_INTERRUPTION_INFO_VALID | VECTOR_NMI | \
     VM_ENTRY_INTERRUPTION_INFO_TYPE_NMI << VM_ENTRY_INTERRUPTION_INFO_TYPE_SHIFT)

static void nmi_window_open(void)
{
    vmwrite(VMCS_PIN_BASED_CONTROLS, controls_word(VMCS_PIN_BASED_CONTROLS) | PIN_NMI_EXITING | PIN_VIRTUAL_NMIS);
    vmwrite(VMCS_PRIMARY_CONTROLS, controls_word(VMCS_PRIMARY_CONTROLS) | PRIMARY_NMI_WINDOW_EXITING);
}

/* Pending events are read after the words are written, so that one that arrives in between is not lost. */
void nmi_update_controls(struct cpu *cpu)
{
    u64 exiting = cpu->watching || cpu->step.active ? PIN_NMI_EXITING | PIN_VIRTUAL_NMIS : 0;
    vmwrite(VMCS_PIN_BASED_CONTROLS, controls_word(VMCS_PIN_BASED_CONTROLS) | exiting);
    vmwrite(VMCS_PRIMARY_CONTROLS, controls_word(VMCS_PRIMARY_CONTROLS));
    bool waiting = cpu->nmi_pending || cpu->mc_pending || cpu->init_pending || cpu->step.delivering;
    if (waiting && !cpu->step.active)
        nmi_window_open();
}

/* With a domU's VMCS current, its next entry exits at once: dom0's window opens when dom0's VMCS is current again. */
static void next_entry_arm(struct cpu *cpu)
{
    if (!cpu->guest_mode)
        return;
    if (cpu->vcpu)
        vmwrite(VMCS_PREEMPTION_TIMER_VALUE, 0);
    else
        nmi_window_open();
}

void nmi_in_root(struct cpu *cpu)
{
    cpu->nmi_pending = true;
    next_entry_arm(cpu);
}

void machine_check_in_root(struct cpu *cpu)
{
    cpu->mc_pending = true;
    next_entry_arm(cpu);
}

void handle_dom0_nmi(struct cpu *cpu)
{
    nmi_unmask();
    if (cpu->start != START_RUNNING)
        cpu_park(cpu);
    cpu->nmi_pending = true;
    nmi_update_controls(cpu);
}

static void inject_pending_machine_check(struct cpu *cpu)
{
    cpu->mc_pending = false;
    if (!(guest_cr4() & CR4_MCE))
        panic(cpu, "a machine check that dom0 does not take");
    guest_inject(cpu, VECTOR_MC);
}

/* Some processors refuse to inject an NMI while STI blocks. SDM: 27.3.1.5 */
static void inject_pending_nmi(struct cpu *cpu)
{
    cpu->nmi_pending = false;
    set_guest_interruptibility(guest_interruptibility() & ~(u64)INTERRUPTIBILITY_STI);
    vmwrite(VMCS_VM_ENTRY_INTERRUPTION_INFO, EVENT_NMI);
}

void handle_nmi_window(struct cpu *cpu)
{
    if (cpu->start != START_RUNNING)
        cpu_park(cpu);
    step_end_delivery(cpu);
    if (cpu->step.active) {             /* enabled by an NMI in root mode. The step's end enables it again */
        nmi_update_controls(cpu);
        return;
    }
    if (cpu->init_pending) {
        cpu->init_pending = false;
        cpu_init(cpu);
    } else if (cpu->mc_pending) {
        inject_pending_machine_check(cpu);
    } else if (cpu->nmi_pending) {
        inject_pending_nmi(cpu);
    }
    nmi_update_controls(cpu);
}
