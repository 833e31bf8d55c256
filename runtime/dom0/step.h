/*
 * A write without the right to write, as to hidden memory or to the watched local APIC: for one instruction, which is
 * single-stepped, the EPT entry points to a scratch page, or lets the write through; then the entry is restored. The processor
 * decodes the instruction, and only its result is looked at.
 */
#pragma once

#include "generated/x86/externs.h"
#include "core/types.h"

#define STEP_PAGES 4

/* What becomes of the write: it is dropped, it takes effect, or it is the APIC's and emulated after the step. */
enum step_how { STEP_DROP, STEP_THROUGH, STEP_APIC };

/* A page that the running step has replaced. */
struct step_page {
    u64 gpa;
    enum step_how how;
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
void step_begin(struct cpu *cpu, u64 gpa, enum step_how how);

/* The event is delivered: the pages are restored. */
void step_end_delivery(struct cpu *cpu);

/* INIT arrives, or the tables are reset: no page is replaced any more. */
void step_cancel(struct cpu *cpu);
