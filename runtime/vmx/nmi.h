/* NMIs and machine checks that hit the hypervisor belong to dom0. */
#pragma once

#include "generated/externs.h"
#include "core/types.h"

/* From the host's IDT: notes it, and arms the window before the next entry can happen. */
void nmi_in_root(struct cpu *cpu);
void machine_check_in_root(struct cpu *cpu);

/*
 * The control words. NMIs leave while other CPUs may want this one to stop, and in a step, where one would push TF. The
 * window is open if one is owed, or to end the delivery of an event, but not in a step.
 */
void nmi_update_controls(struct cpu *cpu);

/* An IRET in root mode: NMIs may come again. SDM: 28.2.3, 6.7.1 */
void nmi_unmask(void);
