/*
 * Watching the local APICs, so that INIT and start-up IPIs of dom0 are ours: CPUs that wait in root mode would lose
 * them, and a CPU that is not in VMX operation must not be started at all. The page is read-only in a CPU's own EPT,
 * and the x2APIC register's bit is set in the MSR bitmap. It ends when dom0 has started every CPU.
 */
#pragma once

#include "core/types.h"

struct cpu;

/* On the boot CPU, before dom0: `to_start` CPUs wait to be started by it. `always` never ends. */
void watch_begin(u32 to_start, bool always);
/* dom0 has started another CPU for the first time. */
void watch_started(void);
/* Never to end, for a running CPU is about to be stopped by INIT. False: it has ended, INIT works by itself. */
bool watch_keep(void);

/* This CPU as the watch and its APIC's mode are now. */
void watch_apply(struct cpu *cpu);
/* The same, if the watch has ended since. */
void watch_update(struct cpu *cpu);
/* Whether a write to gpa is to be looked at. */
bool watch_covers(const struct cpu *cpu, u64 gpa);
/* The guest has written `value` to the register of the page at `offset`. */
void watch_apic_write(struct cpu *cpu, u32 offset, u32 value);
