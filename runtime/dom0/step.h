/*
 * One instruction with different eyes: a write to hidden memory or to the watched local APIC runs once against a page
 * that we lend, and then the mapping is as before. The processor decodes; we only look at the result.
 */
#pragma once

#include "generated/externs.h"
#include "core/types.h"

#define STEP_PAGES 4

/* A page lent for the running step. */
struct step_page {
    u64 gpa;
    bool apic;
};

struct step {
    bool active;            /* one instruction of the guest's runs */
    bool delivering;        /* the processor delivers an event there */
    u32 pages;
    struct step_page page[STEP_PAGES];
    u32 apic_offset;        /* of the register written */
    u64 rflags, debugctl, exception_bitmap;
};

/* Called at an EPT violation by a write to gpa. */
void step_begin(struct cpu *cpu, u64 gpa, bool apic);

/* The event is delivered: what was lent for it goes back. */
void step_end_delivery(struct cpu *cpu);

/* INIT arrives, or the tables are emptied: nothing is lent any more. */
void step_cancel(struct cpu *cpu);
