/* Hidden memory and events: interrupts, single steps and faults during a write; page tables and exception stacks in it. */
#include "hidden.h"

static void jump_there(void *argument)
{
    ((void (*)(void))argument)();
}
static void write_there(void *argument)
{
    *(volatile u64 *)argument = 1;
}
static void touch(void *argument)
{
    *(volatile u64 *)argument;
}

static u32 interrupts;
static bool count_interrupt(struct frame *frame)
{
    if (++interrupts > 50)
        return false;
    if (frame->vector == VECTOR_IPI)
        apic_write(APIC_EOI, 0);
    if (frame->vector == VECTOR_DB)
        write_dr6(0xFFFF0FF0);
    return frame->vector == VECTOR_IPI || frame->vector == VECTOR_DB || frame->vector == VECTOR_NMI;
}

/* Interrupts, the guest's single steps and its breakpoints during a write that is dropped. */
CASE(hidden_writes_and_events)
{
    u64 target;

    if (!begin())
        return;
    apic_init();
    trap_hook = count_interrupt;
    interrupts = 0;
    apic_send(0, ICR_SELF | ICR_FIXED | VECTOR_IPI);
    target = base;
    __asm__ volatile("sti; movq $1, (%0); nop; cli" : : "r"(target) : "memory");
    check("an interrupt pending during a dropped write", interrupts, 1);
    check("interrupts are disabled again", read_flags() & 0x200, 0);
    interrupts = 0;
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; movq $1, (%0); nop; pushfq; andq $~0x100, (%%rsp); popfq"
                     :
                     : "r"(target)
                     : "memory", "cc");
    check("single steps over a dropped write", interrupts, 5);
    interrupts = 0;
    apic_send(0, ICR_NMI);
    for (u32 i = 0; i < 10; i++)
        READ(u64, base + 8 * i) = i;
    check("an NMI during dropped writes", interrupts, 1);
    apic_send(0, ICR_NMI);
    check("a second NMI", interrupts, 2);
    check_ones("the address reads as ones", base);
    write_dr0(base + 64);
    write_dr7(0xD0401);
    interrupts = 0;
    READ(u64, base + 64) = 1;
    write_dr7(0x400);
    check("a data breakpoint on a dropped write", interrupts, 1);
}

/* A write to hidden memory that the guest's page tables forbid gives the guest its page fault. */
CASE(hidden_writes_that_fault)
{
    if (!begin())
        return;
    map_page(0x40000000, base, PAGE_ENTRY_PRESENT | PAGE_ENTRY_USER);
    write_cr0(read_cr0() | 0x10000);
    check("a write to hidden memory that the page tables forbid", outcome(attempt(write_there, (void *)0x40000000ull)),
          (u64)VECTOR_PF << 32 | 3);
    check("the same write from ring 3", outcome(attempt_user(write_there, (void *)0x40000000ull)), (u64)VECTOR_PF << 32 | 7);
    write_cr0(read_cr0() & ~0x10000ull);
    map_page(0x40000000, base, PTE_DEFAULT);
    check("ring 3 writes to hidden memory", outcome(attempt_user(write_there, (void *)0x40000000ull)), outcome(-1));
    check_ones("the write from ring 3 is dropped", base);
}

static void copy(void *argument)
{
    u64 *registers = argument;

    __asm__ volatile("rep movsb" : "+S"(registers[0]), "+D"(registers[1]), "+c"(registers[2]) : : "memory");
}

CASE(hidden_copy_that_faults)
{
    if (!begin())
        return;
    map_page(0x40000000, 0x7000, PTE_DEFAULT);
    map_page(0x40001000, 0, 0);
    static u64 registers[3];
    registers[0] = 0x40000FF8, registers[1] = base, registers[2] = 16;
    check("REP MOVS to hidden memory: its source becomes unmapped", outcome(attempt(copy, registers)), (u64)VECTOR_PF << 32);
    check("REP MOVS: CR2", last_cr2, 0x40001000);
    check("REP MOVS: remaining count", last.rcx, 8);
    check_ones("REP MOVS: its writes are dropped", base);
}

/* A page table in hidden memory must act as a table filled with ones. The bare machine walks a page that is filled with ones. */
static u64 *ones_page(void)
{
    static u64 page[512] __attribute__((aligned(4096)));

    for (u32 i = 0; i < 512; i++)
        page[i] = ONES;
    return page;
}

CASE(hidden_page_table)
{
    u64 *entry = &page_directory()[0x60000000 / 0x200000], kept = *entry;
    u64 table = is_hypervised() ? hidden_base() : (u64)ones_page();

    *entry = table | PTE_DEFAULT;
    write_cr3(read_cr3());
    RECORD("a walk through a table of ones: read", outcome(attempt(touch, (void *)0x60000000ull)), last_cr2);
    RECORD("a walk through a table of ones: write", outcome(attempt(write_there, (void *)0x60000008ull)), last_cr2);
    RECORD("a walk through a table of ones: fetch", outcome(attempt(jump_there, (void *)0x60000000ull)), last_cr2);
    RECORD("a walk through a table of ones: ring 3", outcome(attempt_user(touch, (void *)0x60000000ull)), last_cr2);
    *entry = kept;
    write_cr3(read_cr3());
    u64 *directories = (u64 *)0x61000, kept_directory = directories[1];
    directories[1] = table | PTE_DEFAULT;
    write_cr3(read_cr3());
    RECORD("a walk through a directory of ones", outcome(attempt(touch, (void *)0x40000000ull)), last_cr2);
    directories[1] = kept_directory;
    write_cr3(read_cr3());
}

/* An exception stack in hidden memory: the pushes are dropped; the handler runs, and cannot return. */
static void do_ud2(void *argument)
{
    (void)argument;
    __asm__ volatile("ud2");
}
static void do_cpuid_then_msr(void *argument)
{
    (void)argument;
    cpuid(0, 0);
    rdmsr(0x12345678);
}
static void do_soft(void *argument)
{
    (void)argument;
    __asm__ volatile("int $0x81");
}

extern u8 stubs64[], ends_attempt[];

static void point_gate(int vector, u64 at)
{
    idt[vector].low = (u16)at;
    idt[vector].middle = (u16)(at >> 16);
}

static void run_there(const char *name, int vector, void (*code)(void *))
{
    tss.ist[0] = base + 0x2000;
    set_ist(vector, 1);
    point_gate(vector, (u64)ends_attempt);
    u64 writes = hypervisor_info(WRITES);
    check(name, (u64)(int64_t)attempt(code, 0), 77);
    check_true("pushes were counted", hypervisor_info(WRITES) > writes);
    point_gate(vector, (u64)stubs64 + 16 * (u64)vector);
    set_ist(vector, 0);
    check_ones("pushes were dropped", base + 0x2000 - 8);
    check_ones("pushes were dropped (error code or RIP)", base + 0x2000 - 40);
}

CASE(hidden_exception_stack)
{
    if (!begin())
        return;
    run_there("UD with its stack in hidden memory", VECTOR_UD, do_ud2);
    run_there("GP with its stack in hidden memory", VECTOR_GP, do_cpuid_then_msr);
    run_there("INT with its stack in hidden memory", VECTOR_SOFT, do_soft);
    run_there("UD on the ordinary stack", VECTOR_UD, do_ud2);
}

CASE(hidden_after_all)
{
    if (!begin())
        return;
    u64 differing = 0;
    for (u64 at = base; at < base + size; at += 8)
        differing += READ(u64, at) != ONES;
    check("hidden quadwords that do not read as ones at the end", differing, 0);
    print("hidden counters %u %u\n", hypervisor_info(READS), hypervisor_info(WRITES));
}
