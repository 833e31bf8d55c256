/* The two loud ends. */
#pragma once

#include "core/types.h"

struct cpu;

/* Resets the machine; the reason goes to the log. */
__attribute__((noreturn)) void machine_reset(const char *why);

/* One sentence about what keeps us from starting dom0, and the end. */
__attribute__((noreturn)) void boot_stop(const char *error, const char *why);

/* Says all that is known of the last exit, on every channel, and halts every CPU. */
__attribute__((noreturn)) void panic(struct cpu *cpu, const char *why);
/* The same with numbers for the text, as log_line has them. */
__attribute__((noreturn)) void panic_at(struct cpu *cpu, const char *why, u64 a, u64 b);

/* For a CPU that another one has told to stop. */
extern volatile bool panicking;
