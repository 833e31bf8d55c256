/* This CPU's local APIC, in xAPIC or x2APIC mode. SDM: 11.4.1, 11.12 */
#pragma once

#include "generated/x86/x86.h"
#include "core/types.h"

struct cpu;

/* Register offsets in the page; in x2APIC mode MSR 0x800 + offset / 16. SDM: table 11-1, table 11-6 */
#define APIC_ID 0x20
#define APIC_VERSION 0x30
#define APIC_TPR 0x80
#define APIC_EOI 0xB0
#define APIC_LDR 0xD0
#define APIC_DFR 0xE0
#define APIC_SVR 0xF0
#define APIC_ISR 0x100
#define APIC_LVT_CMCI 0x2F0
#define APIC_ICR_LOW 0x300
#define APIC_ICR_HIGH 0x310
#define APIC_LVT_TIMER 0x320
#define APIC_LVT_THERMAL 0x330
#define APIC_LVT_COUNTERS 0x340
#define APIC_LVT_LINT0 0x350
#define APIC_LVT_LINT1 0x360
#define APIC_LVT_ERROR 0x370
#define APIC_TIMER_COUNT 0x380

/* Commands of the interrupt command register. SDM: 11.6.1 */
#define APIC_SEND(what) (APIC_ICR_DELIVERY_##what << APIC_ICR_DELIVERY_SHIFT | APIC_ICR_ASSERT)

bool apic_is_x2(void);
/* The page's physical address. */
u64 apic_page(void);
u32 apic_read(u32 offset);
void apic_write(u32 offset, u32 value);
u32 apic_own_id(void);

/* Sends `command` to one CPU; the guest's value of the ICR's upper half stays. */
void apic_send(u32 apic_id, u32 command);

/* As INIT does it, which does not reach a CPU in root mode. SDM: 11.4.7.3 */
void apic_reset(struct cpu *cpu);
