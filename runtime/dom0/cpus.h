/*
 * A CPU of dom0: started, stopped by INIT, started again. `start` of struct cpu says where it is; every change is one
 * atomic step, so an INIT or a start-up IPI is neither lost nor done twice, whoever sends it when.
 */
#pragma once

#include "generated/externs.h"
#include "core/types.h"

/* Anything with START_VECTOR: a start-up IPI has come, with the vector in the low byte. */
enum vcpu_start { START_RUNNING, START_WAITING, START_ABSENT, START_VECTOR = 0x100 };

/* The first CPU starts at the low page's boot stub. */
__attribute__((noreturn)) void cpu_start_disk(struct cpu *cpu);
/* Waits in root mode until another CPU of dom0 sends a start-up IPI, and starts there. */
__attribute__((noreturn)) void cpu_park(struct cpu *cpu);

/* A start-up IPI enters the guest anew. SDM: 26.2 */
__attribute__((noreturn)) void cpu_sipi(struct cpu *cpu, u8 vector);

/* The same as the sender means them, while its APIC is watched. False: the processor does INIT by itself by now. */
bool cpu_init_send(struct cpu *target);
void cpu_sipi_send(struct cpu *target, u8 vector);
