/* A CPU of dom0: started, stopped by INIT, started again. */
#pragma once

#include "types.h"

struct cpu;

/* The first CPU starts at the low page's boot stub. */
__attribute__((noreturn)) void vcpu_start_disk(struct cpu *cpu);
/* Waits in root mode until another CPU of dom0 sends a SIPI, and starts there. */
__attribute__((noreturn)) void vcpu_park(struct cpu *cpu);

/* INIT and SIPI as VMX exits have them. SDM: 26.2 */
__attribute__((noreturn)) void vcpu_init(struct cpu *cpu);
__attribute__((noreturn)) void vcpu_sipi(struct cpu *cpu, u8 vector);

/* INIT and SIPI as the sender means them, while its APIC is watched. */
void vcpu_init_send(struct cpu *target);
void vcpu_sipi_send(struct cpu *target, u8 vector);
