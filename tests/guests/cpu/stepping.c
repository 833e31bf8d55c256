/* Single steps, breakpoints and interrupt shadows around instructions that cause VM exits. */
#include "kit.h"

#define STEPS 24
#define DR7_EXECUTE_0 0x401

extern u8 step_code[], shadow_sti[], shadow_sti_cpuid[], shadow_ss[], breakpoint_code[], breakpoint_place[], shadow_ss_step[],
    step_btf[];
static u64 steps[STEPS], reasons[STEPS];
static u32 step_count;
static u64 origin;

static bool note_step(struct frame *frame)
{
    if (frame->vector != VECTOR_DB)
        return false;
    if (step_count < STEPS) {
        steps[step_count] = frame->rip - origin;
        reasons[step_count++] = (read_dr6() & 0xE00F) | (frame->rflags & (RFLAGS_TF | RFLAGS_RF)) << 16;
    }
    if (read_dr6() & 1)
        frame->rflags |= RFLAGS_RF;    /* or its breakpoint is reported again */
    write_dr6(0xFFFF0FF0);
    return true;
}

static void run_noting(u8 *code)
{
    trap_hook = note_step;
    step_count = 0;
    origin = (u64)code;
    write_dr6(0xFFFF0FF0);
    int vector = attempt((void (*)(void *))code, 0);
    trap_hook = 0;
    RECORD("stepping outcome", outcome(vector), step_count);
    record("stepping addresses", step_count, steps);
    record("stepping DR6", step_count, reasons);
}

CASE(single_step)
{
    print("TF over CPUID, RDMSR, WRMSR of a trapped MSR, MOV CR0, IN\n");
    run_noting(step_code);
    check_true("single step: there were traps", step_count > 5);
}

CASE(single_step_after_ss)
{
    run_noting(shadow_ss_step);
}

/* The first access to a page may cause an EPT violation; the number of traps stays the same. */
CASE(single_step_over_fresh_tables)
{
    extern u8 fresh_steps[];

    run_noting(fresh_steps);
}

CASE(single_step_by_branch)
{
    run_noting(step_btf);       /* ends early where DEBUGCTL has no BTF */
    __asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" : : : "memory", "cc");
}

CASE(breakpoint_after_cpuid)
{
    write_dr0((u64)breakpoint_place);
    write_dr7(DR7_EXECUTE_0);
    trap_hook = note_step;
    step_count = 0;
    origin = (u64)breakpoint_code;
    int vector = attempt((void (*)(void *))breakpoint_code, 0);
    write_dr7(0x400);
    RECORD("breakpoint after CPUID", outcome(vector), last.rip - origin, read_dr6() & 0xE00F, step_count > 0);
    record("breakpoint addresses", step_count < 2 ? step_count : 2, steps);
    record("breakpoint DR6", step_count < 2 ? step_count : 2, reasons);
}

CASE(breakpoint_on_cpuid)
{
    write_dr0((u64)breakpoint_code);
    write_dr7(DR7_EXECUTE_0);
    int vector = attempt((void (*)(void *))breakpoint_code, 0);
    write_dr7(0x400);
    RECORD("breakpoint on CPUID", outcome(vector), last.rip - (u64)breakpoint_code, read_dr6() & 0xE00F);
    write_dr6(0xFFFF0FF0);
}

CASE(breakpoint_on_data)
{
    extern u64 watched;
    extern u8 watch_code[];

    write_dr0((u64)&watched);
    write_dr7(0xD0401);
    origin = (u64)watch_code;
    int vector = attempt((void (*)(void *))watch_code, 0);
    write_dr7(0x400);
    RECORD("breakpoint on data before CPUID", outcome(vector), last.rip - origin, read_dr6() & 0xE00F);
    write_dr6(0xFFFF0FF0);
}

/* An interrupt is pending while IF is 0; the address at which it is delivered shows the shadow. */
static u64 interrupted_at;

static bool note_interrupt(struct frame *frame)
{
    if (frame->vector != VECTOR_IPI)
        return false;
    interrupted_at = frame->rip;
    frame->rflags &= ~0x200ull;
    apic_write(APIC_EOI, 0);
    return true;
}

static void run_shadow(const char *name, u8 *code)
{
    apic_init();
    trap_hook = note_interrupt;
    interrupted_at = 0;
    apic_send(0, ICR_SELF | ICR_FIXED | VECTOR_IPI);
    int vector = attempt((void (*)(void *))code, 0);
    __asm__ volatile("cli");
    trap_hook = 0;
    RECORD(name, outcome(vector), interrupted_at - (u64)code);
}

CASE(interrupt_shadows)
{
    run_shadow("STI; NOP; NOP", shadow_sti);
    run_shadow("STI; CPUID; NOP", shadow_sti_cpuid);
    run_shadow("STI; MOV SS; CPUID; NOP", shadow_ss);
}
