/* The local APIC: ours to use at start, dom0's afterwards. While CPUs wait to be started, its writes are watched. */
#pragma once

#include "types.h"

struct cpu;

/* Register offsets in the page; in x2APIC mode MSR 0x800 + offset / 16. SDM: 11.4.1, 11.12.1.2 */
#define APIC_ID 0x20
#define APIC_ICR_LOW 0x300
#define APIC_ICR_HIGH 0x310

/* Interrupt command register. SDM: 11.6.1 */
#define ICR_DELIVERY 0x700u
#define ICR_NMI 0x400u
#define ICR_INIT 0x500u
#define ICR_SIPI 0x600u
#define ICR_PENDING (1u << 12)
#define ICR_ASSERT (1u << 14)
#define ICR_LEVEL (1u << 15)
#define ICR_SHORTHAND_SHIFT 18

u32 apic_read(u32 offset);
void apic_send(u32 apic_id, u32 command);
u32 apic_own_id(void);

/* The guest has written a register of the page: `value` to the 32 bits at `offset`. */
void apic_written(struct cpu *cpu, u32 offset, u32 value);
/* The guest writes the interrupt command register, the page's or MSR 0x830: ID in 63:32 or, in the page, 63:56. */
void apic_icr_write(struct cpu *cpu, u64 value);

/* The guest writes IA32_APIC_BASE. False asks for #GP. */
bool apic_base_write(struct cpu *cpu, u64 value);

/* Starts watching on a CPU; follows IA32_APIC_BASE and the end of watching. */
void apic_watch_start(struct cpu *cpu);
void apic_watch_update(struct cpu *cpu);
extern bool apic_watching;
