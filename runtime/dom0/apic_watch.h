/*
 * The local APICs are watched so that the hypervisor emulates INIT and start-up IPIs of dom0: CPUs that wait in root mode would
 * lose them, and a CPU that is not in VMX operation must not be started at all. The page is read-only in the CPU's EPT tables,
 * and writes of the x2APIC register cause exits. The watch ends when dom0 has started every CPU.
 */
#pragma once

#include "core/types.h"

struct cpu;

/* On the boot CPU, before dom0: `to_start` CPUs wait for dom0 to start them. `always`: the watch never ends. */
void watch_begin(u32 to_start, bool always);
/* dom0 has started another CPU for the first time. */
void watch_started(void);
/* A running CPU is about to be stopped by INIT: the watch must not end. False: it has, and the processor handles INIT. */
bool watch_keep(void);

/* Applies the watch to this CPU in its APIC's present mode. */
void watch_apply(struct cpu *cpu);
/* The same, if the watch has ended since. */
void watch_update(struct cpu *cpu);
/* A write to gpa is one to the watched page. */
bool watch_covers(const struct cpu *cpu, u64 gpa);
/* The guest has written `value` to the register of the page at `offset`. */
void watch_apic_write(struct cpu *cpu, u32 offset, u32 value);

/*
 * Emulates INIT and start-up IPIs; `destination` has 8 bits from the page, 32 from x2APIC. False: the command is to be sent as
 * it is, for it is of another kind, or the watch has ended.
 */
bool ipi_emulate(struct cpu *cpu, u32 destination, u32 command);
