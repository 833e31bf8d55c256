/*
 * A write to hidden memory or to the watched local APIC: for one instruction, which is single-stepped, the EPT entry points
 * to a scratch page; then the entry is restored. The processor decodes the instruction, and only its result is looked at.
 */
#pragma once

#include "generated/x86/externs.h"
#include "core/types.h"

#define STEP_PAGES 4

/* A page that the running step has replaced. */
struct step_page {
    u64 gpa;
    bool apic;
};

struct step {
    bool active;            /* the guest runs one instruction */
    bool delivering;        /* the processor delivers an event, and writes there */
    u32 pages;
    struct step_page page[STEP_PAGES];
    u32 apic_offset;        /* of the APIC register written */
    u64 rflags, debugctl, exception_intercepts;
};

/* At an EPT violation by a write to gpa. */
void step_begin(struct cpu *cpu, u64 gpa, bool apic);

/* The event is delivered: the pages are restored. */
void step_end_delivery(struct cpu *cpu);

/* INIT arrives, or the tables are reset: no page is replaced any more. */
void step_cancel(struct cpu *cpu);
