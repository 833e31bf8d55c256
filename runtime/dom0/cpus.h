/*
 * CPUs of dom0: started by a start-up IPI, stopped by INIT, started again. cpu->start is the state; every change of it is one
 * atomic step, so that no INIT or start-up IPI is lost or done twice.
 */
#pragma once

#include "generated/x86/externs.h"
#include "core/types.h"

/* With START_VECTOR: a start-up IPI has come, and its vector is in the low byte. */
enum cpu_start_state { START_RUNNING, START_WAITING, START_ABSENT, START_VECTOR = 0x100 };

/* The first CPU starts at the low page's boot stub. */
__attribute__((noreturn)) void cpu_start_disk(struct cpu *cpu);
/* Waits in root mode until another CPU of dom0 sends a start-up IPI, and starts there. */
__attribute__((noreturn)) void cpu_park(struct cpu *cpu);

/* A start-up IPI: the guest runs from its page. SDM: 26.2 */
__attribute__((noreturn)) void cpu_sipi(struct cpu *cpu, u8 vector);

/* The sender's half, while its APIC is watched. False: the watch has ended, and the processor handles INIT itself. */
bool cpu_init_send(struct cpu *target);
void cpu_sipi_send(struct cpu *target, u8 vector);
