/* NMIs and machine checks that arrive in root mode or in a domU are dom0's. */
#pragma once

#include "generated/x86/externs.h"
#include "core/types.h"

/* From the host's IDT: records the event, and enables the exit that lets dom0 take it. */
void nmi_in_root(struct cpu *cpu);
void machine_check_in_root(struct cpu *cpu);

/*
 * Writes the control words. NMIs cause exits while other CPUs may stop this one by INIT, and in a step, where delivery would
 * push TF. NMI-window exiting is on while an event is pending, or to end a step's delivery, but not while an instruction is
 * stepped.
 */
void nmi_update_controls(struct cpu *cpu);

/* An IRET in root mode, which unblocks NMIs. SDM: 28.2.3, 6.7.1 */
void nmi_unmask(void);
