/* NMIs and machine checks that hit the hypervisor belong to dom0. */
#pragma once

#include "types.h"

struct cpu;

/* From the host's IDT: notes it, and arms the window before the next entry can happen. */
void nmi_in_root(struct cpu *cpu);
void machine_check_in_root(struct cpu *cpu);

/* An NMI exit, and the NMI-window exit. */
void nmi_arrived(struct cpu *cpu);
void nmi_window(struct cpu *cpu);

/* The control words: NMIs exit while other CPUs may want this one to stop, and the window is open if one is owed. */
void nmi_controls(struct cpu *cpu);

/* The next entry leaves as soon as the guest can take an NMI. */
void nmi_window_open(void);

/* An IRET in root mode: NMIs may come again. SDM: 28.2.3, 6.7.1 */
void nmi_unmask(void);
