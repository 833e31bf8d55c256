/* Task switches: 32-bit tasks in protected mode, without paging. */
#include <linux/kvm.h>
#include <string.h>

#include "fake.h"
#include "tests.h"

#define GDT 0x4000u
#define TASKS 0x2000u /* one segment for each task, from here on */
#define TASK_BYTES 0x80u
#define FIRST 0x18u   /* selectors */
#define SECOND 0x20u
#define OLD 0x28u     /* of 16 bits */
#define CODE 0x08u
#define DATA 0x10u
#define ABSENT 0x30u
#define TASK_RIP 0x40u
#define BUSY 2u

enum { CALL, IRET, JUMP, GATE };
enum { IP, FLAGS, AX, CX, DX, BX, SP, BP, SI, DI, ES, CS, SS, DS, FS, GS, LOCAL };

static uint32_t (*qualify)(struct luv_run *);

static uint64_t make_descriptor(uint32_t base, uint32_t limit, uint32_t rights)
{
    return (base & 0xFFFFFFull) << 16 | (base >> 24) * (1ull << 56) | (limit & 0xFFFF) | (uint64_t)(limit >> 16 & 15) << 48 |
        (uint64_t)(rights & 0xFF) << 40 | (uint64_t)(rights >> 8 & 15) << 52;
}

static uint32_t get_task(uint32_t selector)
{
    return TASKS + (selector - FIRST) / 8 * TASK_BYTES;
}

static uint8_t get_type(uint32_t selector)
{
    return memory[GDT + selector + 5] & 15;
}

static uint32_t get_word(uint32_t selector, unsigned place)
{
    uint32_t value;

    memcpy(&value, memory + get_task(selector) + 0x20 + 4 * place, 4);
    return value;
}

static void put_word(uint32_t selector, unsigned place, uint32_t value)
{
    memcpy(memory + get_task(selector) + 0x20 + 4 * place, &value, 4);
}

static uint16_t get_link(uint32_t selector)
{
    uint16_t link;

    memcpy(&link, memory + get_task(selector), 2);
    return link;
}

static void fill_task(uint32_t selector)
{
    for (unsigned i = AX; i <= DI; i++)
        put_word(selector, i, 0x1000 * i + selector);
    put_word(selector, IP, TASK_RIP);
    put_word(selector, FLAGS, 0x202);
    for (unsigned i = ES; i <= GS; i++)
        put_word(selector, i, i == CS ? CODE : DATA);
    put_word(selector, SP, 0x7000);
    put_word(selector, LOCAL, 0);
}

static void fill_old_task(void)
{
    static const uint16_t words[] = {0x50, 0x202, 1, 2, 3, 4, 0x7000, 5, 6, 7, DATA, CODE, DATA, DATA, 0};

    memcpy(memory + get_task(OLD) + 0x0E, words, sizeof words);
}

static void fill_tables(void)
{
    const uint64_t descriptors[] = {
        0,
        make_descriptor(0, 0xFFFFF, 0xC9B),
        make_descriptor(0, 0xFFFFF, 0xC93),
        make_descriptor(get_task(FIRST), 0x67, 0x8B),
        make_descriptor(get_task(SECOND), 0x67, 0x89),
        make_descriptor(get_task(OLD), 0x2B, 0x81),
        make_descriptor(0, 0xFFFFF, 0xC13),
    };

    memset(memory + TASKS, 0, 3 * TASK_BYTES);
    memcpy(memory + GDT, descriptors, sizeof descriptors);
    fill_task(SECOND);
    fill_old_task();
}

static struct kvm_segment make_segment(uint16_t selector, uint8_t type)
{
    return (struct kvm_segment){.selector = selector, .limit = ~0u, .type = type, .present = 1, .s = 1, .db = 1, .g = 1};
}

static struct kvm_sregs *begin(void)
{
    struct kvm_sregs *sregs = fake_state(0);

    fill_tables();
    memset(sregs, 0, sizeof *sregs);
    sregs->cs = make_segment(CODE, 11);
    sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = make_segment(DATA, 3);
    sregs->tr = (struct kvm_segment){.selector = FIRST, .base = get_task(FIRST), .limit = 0x67, .type = 11, .present = 1};
    sregs->ldt.unusable = 1;
    sregs->gdt = (struct kvm_dtable){.base = GDT, .limit = 0xFF};
    sregs->cr0 = 1;
    return sregs;
}

static uint32_t leave(struct luv_run *page)
{
    page->mode = (struct luv_mode){.cr0 = 1, .cs_rights = 0xC09B, .ss_rights = 0xC093};
    page->length = 5;
    return qualify(page);
}

static uint32_t to(struct luv_run *page, uint32_t selector, uint64_t source)
{
    page->task_switch.qualification = selector | source << 30;
    return LUV_EXIT_TASK_SWITCH;
}

static uint32_t call_second(struct luv_run *page)
{
    return to(page, SECOND, CALL);
}
static uint32_t return_to_first(struct luv_run *page)
{
    return to(page, FIRST, IRET);
}
static uint32_t jump_to_old(struct luv_run *page)
{
    return to(page, OLD, JUMP);
}

static uint32_t fault_through_gate(struct luv_run *page)
{
    page->event = 0x80000B0E; /* #PF with its code */
    page->event_error = 0x1234;
    return to(page, SECOND, GATE);
}

static void go(uint32_t (*how)(struct luv_run *), uint64_t rax, uint64_t rflags)
{
    qualify = how;
    start(leave, rax, rflags);
}

static void test_call_and_return(void)
{
    struct kvm_sregs *sregs = begin();

    go(call_second, 0x77, 2);
    CHECK(seen.rip == TASK_RIP && seen.rax == 0x1000 * AX + SECOND && seen.rdi == 0x1000 * DI + SECOND && seen.rsp == 0x7000);
    CHECK(seen.rflags == 0x4202 && seen.finish == LUV_FINISH_RESUME && !seen.event);
    CHECK(sregs->tr.selector == SECOND && sregs->tr.base == get_task(SECOND) && sregs->cr0 == 9 && sregs->ss.selector == DATA);
    CHECK(get_type(FIRST) == 11 && get_type(SECOND) == 11 && get_link(SECOND) == FIRST);
    CHECK(get_word(FIRST, IP) == START + 5 && get_word(FIRST, AX) == 0x77 && get_word(FIRST, CS) == CODE &&
          get_word(FIRST, FLAGS) == 2);

    go(return_to_first, 0x88, 0x4202);
    CHECK(seen.rip == START + 5 && seen.rax == 0x77 && seen.rflags == 2 && sregs->tr.selector == FIRST);
    CHECK(get_type(FIRST) == 11 && get_type(SECOND) == 9);
    CHECK(get_word(SECOND, AX) == 0x88 && get_word(SECOND, FLAGS) == 0x202); /* no longer nested */
}

static void test_jump_to_old(void)
{
    const struct kvm_sregs *sregs = begin();

    go(jump_to_old, 0x77, 2);
    CHECK(seen.rip == 0x50 && seen.rax == 1 && seen.rbx == 4 && seen.rsp == 0x7000 && seen.rflags == 0x202);
    CHECK(get_type(FIRST) == 9 && get_type(OLD) == 3 && get_link(OLD) == 0 && sregs->fs.unusable);
}

/* The handler's task has the error code on its stack; the interrupted one executes its instruction again. */
static void test_gate(void)
{
    uint32_t code;

    begin();
    go(fault_through_gate, 0x77, 2);
    memcpy(&code, memory + 0x6FFC, 4);
    CHECK(seen.rip == TASK_RIP && seen.rsp == 0x6FFC && code == 0x1234 && !seen.event);
    CHECK(get_word(FIRST, IP) == START && get_link(SECOND) == FIRST);
}

/* A bad segment of the new task causes an exception in that task. */
static void test_faults(void)
{
    const struct kvm_sregs *sregs = begin();

    put_word(SECOND, SS, ABSENT);
    go(call_second, 0x77, 2);
    CHECK(seen.event == 0x80000B0C && seen.event_error == ABSENT && seen.rip == TASK_RIP && sregs->tr.selector == SECOND);

    begin();
    put_word(SECOND, CS, DATA);
    go(fault_through_gate, 0x77, 2);
    CHECK(seen.event == 0x80000B0A && seen.event_error == (DATA | 1)); /* of an external event */
}

static void test_breakpoints(void)
{
    struct kvm_debugregs *registers = fake_state(1);

    begin();
    registers->dr7 = 0x755;
    go(call_second, 0x77, 2);
    CHECK(registers->dr7 == 0x600);
    memset(registers, 0, sizeof *registers);
}

void test_tasks(void)
{
    test_call_and_return();
    test_jump_to_old();
    test_gate();
    test_faults();
    test_breakpoints();
}
