/* Exceptions during the delivery of events, and EPT violations during the delivery of events. */
#include "kit.h"

#define UNMAPPED 0x40000000u
#define UNKNOWN_MSR 0x12345678u

static u8 stacks[4][4096] __attribute__((aligned(16)));

static void do_vmcall(void *argument)
{
    (void)argument;
    __asm__ volatile("vmcall" : : "a"(0));
}
static void do_unknown_msr(void *argument)
{
    (void)argument;
    rdmsr(UNKNOWN_MSR);
}
static void do_ud2(void *argument)
{
    (void)argument;
    __asm__ volatile("ud2");
}
static void do_touch(void *argument)
{
    *(volatile u8 *)argument;
}
static void do_noncanonical(void *argument)
{
    (void)argument;
    *(volatile u8 *)(1ull << 63);
}
static void do_soft(void *argument)
{
    (void)argument;
    __asm__ volatile("int $0x81");
}
static void do_int3(void *argument)
{
    (void)argument;
    __asm__ volatile("int3");
}
static void do_icebp(void *argument)
{
    (void)argument;
    __asm__ volatile(".byte 0xF1");
}

static const struct {
    const char *name;
    void (*code)(void *);
    int vector;
} events[] = {
    {"VMCALL", do_vmcall, VECTOR_UD},
    {"UD2", do_ud2, VECTOR_UD},
    {"unknown msr", do_unknown_msr, VECTOR_GP},
    {"noncanonical address", do_noncanonical, VECTOR_GP},
    {"INT 81h", do_soft, VECTOR_SOFT},
    {"INT3", do_int3, VECTOR_BP},
    {"INT1", do_icebp, VECTOR_DB},
};
#define EVENTS (sizeof events / sizeof *events)

static void run_event(u32 i, const char *what)
{
    int vector = attempt(events[i].code, 0);

    print("event %s, %s\n", events[i].name, what);
    RECORD("nested event", outcome(vector), last.rip - (u64)events[i].code, last.cs, last.rflags & 0x10FD5, last_cr2);
}

/* The stack for the first event is not mapped: its delivery causes a page fault. */
CASE(fault_on_the_stack)
{
    map_page(UNMAPPED, 0, 0);
    tss.ist[0] = UNMAPPED + PAGE;
    for (u32 i = 0; i < EVENTS; i++) {
        set_ist(events[i].vector, 1);
        run_event(i, "stack not mapped");
        set_ist(events[i].vector, 0);
    }
    check("delivery of the last event caused a page fault", last.vector, VECTOR_PF);
}

/* The gate of the first event is not present. */
CASE(gate_not_present)
{
    for (u32 i = 0; i < EVENTS; i++) {
        idt[events[i].vector].type &= ~0x80;
        run_event(i, "gate not present");
        idt[events[i].vector].type |= 0x80;
    }
}

/* The stack for a page fault is not mapped: a double fault, on its own stack. */
CASE(double_fault)
{
    map_page(UNMAPPED, 0, 0);
    tss.ist[0] = UNMAPPED + PAGE;
    tss.ist[1] = (u64)stacks[1];
    set_ist(VECTOR_PF, 1);
    set_ist(VECTOR_DF, 2);
    int vector = attempt(do_touch, (void *)(u64)UNMAPPED);
    RECORD("page fault that cannot be pushed", outcome(vector), last.rip - (u64)do_touch, last_cr2);
    check("a double fault", outcome(vector), (u64)VECTOR_DF << 32);
    set_ist(VECTOR_GP, 1);
    for (u32 i = 0; i < EVENTS; i++)
        run_event(i, "page fault's stack not mapped");
    idt[VECTOR_GP].type &= ~0x80;
    idt[VECTOR_UD].type &= ~0x80;
    for (u32 i = 0; i < EVENTS; i++)
        run_event(i, "gates of GP and UD not present");
    idt[VECTOR_GP].type |= 0x80;
    idt[VECTOR_UD].type |= 0x80;
    set_ist(VECTOR_GP, 0);
    set_ist(VECTOR_PF, 0);
    set_ist(VECTOR_DF, 0);
}

/* Switching MTRRs off and on makes the hypervisor empty its EPT tables, so that delivering an event causes EPT violations. */
extern u8 fresh_ud2[], fresh_int3[], fresh_int1[], fresh_soft[], fresh_gp[], fresh_sti[], fresh_msr[], fresh_vmcall[],
    fresh_nmi[];

static u64 seen_rip, seen_flags;
static u32 seen_count, nmi_depth, nmi_deepest;

static bool note(struct frame *frame)
{
    seen_rip = frame->rip;
    seen_flags = frame->rflags;
    seen_count++;
    if (frame->vector == VECTOR_IPI) {
        apic_write(APIC_EOI, 0);
        frame->rflags &= ~0x200ull;
    }
    return frame->vector == VECTOR_IPI || frame->vector == VECTOR_BP || frame->vector == VECTOR_SOFT ||
        frame->vector == VECTOR_NMI || frame->vector == VECTOR_DB;
}

static void run_fresh(const char *name, u8 *code)
{
    apic_init();
    trap_hook = note;
    seen_count = 0;
    if (code == fresh_sti)
        apic_send(0, ICR_SELF | ICR_FIXED | VECTOR_IPI);
    int vector = attempt((void (*)(void *))code, 0);
    __asm__ volatile("cli");
    trap_hook = 0;
    /* The EPT violation of the code's page sets RF, which Bochs clears at a fault only, not after each instruction. */
    RECORD(name, outcome(vector), seen_count, seen_rip - (u64)code, seen_flags & (vector < 0 ? 0xFD5 : 0x10FD5));
}

CASE(delivery_meets_fresh_tables)
{
    run_fresh("fresh tables: UD2", fresh_ud2);
    run_fresh("fresh tables: INT3", fresh_int3);
    run_fresh("fresh tables: INT1", fresh_int1);
    run_fresh("fresh tables: INT 81h", fresh_soft);
    run_fresh("fresh tables: GP with an error code", fresh_gp);
    run_fresh("fresh tables: interrupt", fresh_sti);
    run_fresh("fresh tables: unknown msr", fresh_msr);
    run_fresh("fresh tables: VMCALL", fresh_vmcall);
    run_fresh("fresh tables: NMI", fresh_nmi);
    run_fresh("fresh tables: NMI again", fresh_nmi);
}

/* A second NMI is blocked until the handler of the first executes IRET. SDM: 7.7.1 */
static bool nest_nmi(struct frame *frame)
{
    if (frame->vector != VECTOR_NMI)
        return false;
    seen_count++;
    nmi_depth++;
    if (nmi_depth > nmi_deepest)
        nmi_deepest = nmi_depth;
    if (seen_count < 3) {
        apic_send(0, ICR_NMI);
        for (u32 i = 0; i < 20; i++)
            cpuid(0, 0);
        rdmsr(IA32_APIC_BASE);
    }
    nmi_depth--;
    return true;
}

CASE(nmi_nesting)
{
    apic_init();
    trap_hook = nest_nmi;
    seen_count = nmi_depth = nmi_deepest = 0;
    apic_send(0, ICR_NMI);
    for (u32 i = 0; i < 100; i++)
        cpuid(0, 0);
    check("NMIs sent in handlers arrive", seen_count, 3);
    check("NMIs do not nest", nmi_deepest, 1);
}
