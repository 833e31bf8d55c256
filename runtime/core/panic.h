/* The ends that nothing follows. */
#pragma once

#include "core/types.h"

struct cpu;

/* Resets the machine; the reason goes to the log. */
__attribute__((noreturn)) void machine_reset(const char *why);

/* Prints why dom0 cannot be started, and halts. */
__attribute__((noreturn)) void boot_stop(const char *error, const char *why);

/* Prints the reason and all that is known of the last exit, on every channel, and halts all CPUs. */
__attribute__((noreturn)) void panic(struct cpu *cpu, const char *why);
/* The same with numbers for the text, as in log_line. */
__attribute__((noreturn)) void panic_at(struct cpu *cpu, const char *why, u64 a, u64 b);

/* Set for the other CPUs, which halt when they see it. */
extern volatile bool panicking;

/* vmx/dump.c: the last exit, the guest's registers and what else a panic prints. */
void exit_dump(const struct cpu *cpu);
