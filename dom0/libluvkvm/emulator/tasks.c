#include "emulator/tasks.h"

#include <string.h>

#include "emulator/segments.h"
#include "generated/x86/x86.h"

#define TYPE_LOCAL_TABLE 2u
#define TABLES_PLACE 0x1C /* CR3 in a segment of 32 bits */
#define EXTERNAL 1u /* of an error code. SDM: 6.13 */
#define REGISTERS 8
#define SEGMENTS 6
#define CODE_SEGMENT 1
#define STACK_SEGMENT 2

/* A task-state segment: IP, flags, eight registers, selectors, one behind the other, and the local table's. SDM: figures 8-2, 8-10 */
struct layout {
    unsigned width, first, segments, local;
};
static const struct layout narrow = {2, 0x0E, 4, 0x2A}, wide = {4, 0x20, SEGMENTS, 0x60};

struct image {
    uint64_t tables, ip, flags, registers[REGISTERS];
    uint16_t segments[SEGMENTS], local;
};

struct switching {
    struct attempt attempt;
    struct named named; /* its sregs become the new task's */
    struct luv_mode mode;
    struct image image;
    unsigned level; /* of the new task */
};

static const struct layout *get_layout(const struct kvm_segment *task)
{
    return task->type & TYPE_WIDE ? &wide : &narrow;
}

static struct kvm_segment *get_segment(struct kvm_sregs *sregs, unsigned number)
{
    struct kvm_segment *const all[SEGMENTS] = {&sregs->es, &sregs->cs, &sregs->ss, &sregs->ds, &sregs->fs, &sregs->gs};

    return all[number];
}

/* --- The segments of tasks in memory --- */

static uint64_t take(struct attempt *attempt, uint64_t *place, unsigned width)
{
    uint64_t value = read_linear(attempt, *place, width);

    *place += width;
    return value;
}

static void put(struct attempt *attempt, uint64_t *place, unsigned width, uint64_t value)
{
    write_linear(attempt, *place, width, cut(value, width));
    *place += width;
}

static void read_image(struct attempt *attempt, struct image *image, const struct kvm_segment *task)
{
    const struct layout *layout = get_layout(task);
    uint64_t place = task->base + layout->first;

    image->ip = take(attempt, &place, layout->width);
    image->flags = take(attempt, &place, layout->width) | RFLAGS_FIXED_ONE;
    for (unsigned i = 0; i < REGISTERS; i++)
        image->registers[i] = take(attempt, &place, layout->width);
    for (unsigned i = 0; i < layout->segments; i++)
        image->segments[i] = (uint16_t)take(attempt, &place, layout->width);
    image->local = (uint16_t)read_linear(attempt, task->base + layout->local, 2);
    if (layout == &wide)
        image->tables = read_linear(attempt, task->base + TABLES_PLACE, 4);
}

static void save_old(struct switching *s, const struct task_switch *how)
{
    struct kvm_sregs *sregs = &s->named.sregs;
    const struct layout *layout = get_layout(&sregs->tr);
    uint64_t place = sregs->tr.base + layout->first, flags = s->attempt.registers.rflags;

    put(&s->attempt, &place, layout->width, s->attempt.registers.rip + how->length);
    put(&s->attempt, &place, layout->width, how->source == TASK_IRET ? flags & ~(uint64_t)RFLAGS_NT : flags);
    for (unsigned i = 0; i < REGISTERS; i++)
        put(&s->attempt, &place, layout->width, *get_register(&s->attempt, i));
    for (unsigned i = 0; i < layout->segments; i++)
        put(&s->attempt, &place, layout->width, get_segment(sregs, i)->selector);
}

/* Who called or was interrupted stays busy, and the new task knows whom to go back to. */
static void link_tasks(struct switching *s, const struct task_switch *how)
{
    const struct kvm_sregs *sregs = &s->named.sregs;
    uint64_t old = sregs->gdt.base + (sregs->tr.selector & ~7u) + TYPE_PLACE;
    bool nested = how->source == TASK_CALL || how->source == TASK_GATE;

    if (!nested)
        write_linear(&s->attempt, old, 1, read_linear(&s->attempt, old, 1) & ~(uint64_t)TYPE_BUSY);
    if (how->source != TASK_IRET)
        mark_named(&s->attempt, &s->named, TYPE_BUSY);
    if (nested)
        write_linear(&s->attempt, s->named.segment.base, 2, sregs->tr.selector);
    if (nested)
        s->image.flags |= RFLAGS_NT;
}

/* --- The new task --- */

static void load_registers(struct switching *s)
{
    struct kvm_sregs *sregs = &s->named.sregs;

    sregs->tr = s->named.segment;
    sregs->cr0 |= CR0_TS;
    if (sregs->cr0 & CR0_PG && get_layout(&sregs->tr) == &wide)
        sregs->cr3 = s->mode.cr3 = s->image.tables;
    s->attempt.registers.rip = s->image.ip;
    s->attempt.registers.rflags = s->image.flags;
    for (unsigned i = 0; i < REGISTERS; i++)
        *get_register(&s->attempt, i) = s->image.registers[i];
    for (unsigned i = 0; i < SEGMENTS; i++)
        get_segment(sregs, i)->selector = s->image.segments[i];
}

static void load_local(struct switching *s)
{
    struct kvm_sregs *sregs = &s->named.sregs;
    uint16_t selector = s->image.local;

    sregs->ldt = (struct kvm_segment){.selector = selector, .unusable = 1};
    if (!(selector & ~SELECTOR_RPL_MASK))
        return;
    find_named(&s->attempt, &s->named, selector, true);
    if (selector & SELECTOR_TI || s->named.segment.s || s->named.segment.type != TYPE_LOCAL_TABLE || !s->named.segment.present)
        refuse_selector(&s->attempt, VECTOR_TS, selector);
    else if (!s->attempt.stopped)
        sregs->ldt = s->named.segment;
}

static bool is_code_right(const struct kvm_segment *segment, unsigned level)
{
    bool conforming = segment->type & TYPE_CONFORMING;

    return segment->s && segment->type & TYPE_CODE && (conforming ? segment->dpl <= level : segment->dpl == level);
}

static bool is_right(const struct kvm_segment *segment, unsigned number, unsigned level)
{
    if (number == CODE_SEGMENT)
        return is_code_right(segment, level);
    return number == STACK_SEGMENT ? is_stack_right(segment, level) : is_data_right(segment, level);
}

static void load_segment(struct switching *s, unsigned number)
{
    struct kvm_segment *segment = get_segment(&s->named.sregs, number);
    uint16_t selector = segment->selector;
    bool needed = number == CODE_SEGMENT || number == STACK_SEGMENT;

    if (!(selector & ~SELECTOR_RPL_MASK) && !needed) {
        *segment = (struct kvm_segment){.selector = selector, .unusable = 1};
        return;
    }
    find_named(&s->attempt, &s->named, selector, false);
    if (!(selector & ~SELECTOR_RPL_MASK) || !is_right(&s->named.segment, number, s->level))
        refuse_selector(&s->attempt, VECTOR_TS, selector);
    else if (!s->named.segment.present)
        refuse_selector(&s->attempt, number == STACK_SEGMENT ? VECTOR_SS : VECTOR_NP, selector);
    mark_named(&s->attempt, &s->named, TYPE_ACCESSED);
    if (!s->attempt.stopped)
        *segment = s->named.segment;
}

/* As in real mode, but at the lowest privilege. SDM: 21.2.1 */
static void load_old_segment(struct switching *s, unsigned number)
{
    struct kvm_segment *segment = get_segment(&s->named.sregs, number);
    uint16_t selector = segment->selector;

    *segment = (struct kvm_segment){
        .base = (uint64_t)selector << 4, .limit = 0xFFFF, .selector = selector, .type = 3, .s = 1, .dpl = 3, .present = 1};
}

/* Code and stack first: what is wrong with the others is an exception there. */
static void load_segments(struct switching *s)
{
    static const unsigned order[SEGMENTS] = {CODE_SEGMENT, STACK_SEGMENT, 0, 3, 4, 5};

    s->level = s->image.segments[CODE_SEGMENT] & SELECTOR_RPL_MASK;
    load_local(s);
    for (unsigned i = 0; i < SEGMENTS; i++)
        (s->image.flags & RFLAGS_VM ? load_old_segment : load_segment)(s, order[i]);
}

static void push_code(struct switching *s, uint32_t code)
{
    const struct kvm_sregs *sregs = &s->named.sregs;
    unsigned width = get_layout(&sregs->tr)->width;
    uint64_t top = cut(s->attempt.registers.rsp - width, sregs->ss.db ? 4 : 2);

    write_linear(&s->attempt, sregs->ss.base + top, width, cut(code, width));
    s->attempt.registers.rsp = (s->attempt.registers.rsp & ~cut(~0ull, sregs->ss.db ? 4 : 2)) | top;
}

static void enter_new(struct switching *s, const struct task_switch *how)
{
    load_registers(s);
    load_segments(s);
    if (how->has_code)
        push_code(s, how->code);
}

/* The processor has checked the gate and the descriptor before the VM exit. */
static void save_old_task(struct switching *s, const struct task_switch *how)
{
    find_named(&s->attempt, &s->named, how->selector, true);
    read_image(&s->attempt, &s->image, &s->named.segment);
    save_old(s, how);
    link_tasks(s, how);
}

static enum emulated keep(struct switching *s, const struct task_switch *how)
{
    struct emulation *emulation = s->attempt.emulation;

    *emulation->registers = s->attempt.registers;
    if (!emulation->owner_state->set_sregs(emulation->owner, &s->named.sregs))
        return EMULATED_UNKNOWN;
    if (s->attempt.stopped && how->external && emulation->fault.vector <= VECTOR_GP)
        emulation->fault.code |= EXTERNAL;
    return s->attempt.stopped ? s->attempt.outcome : EMULATED_DONE;
}

enum emulated switch_task(struct emulation *emulation, const struct task_switch *how)
{
    const struct luv_mode *mode = emulation->mode;
    struct switching s = {
        .attempt = {.emulation = emulation, .registers = *emulation->registers}, .named.refusal = VECTOR_TS, .mode = *mode};
    enum emulated outcome;

    if (!emulation->owner_state->get_sregs(emulation->owner, &s.named.sregs))
        return EMULATED_UNKNOWN;
    s.mode.ss_rights &= ~ACCESS_RIGHTS_DPL_MASK; /* whoever runs, the tables are the system's */
    emulation->mode = &s.mode;
    save_old_task(&s, how);
    if (s.attempt.stopped) {
        outcome = s.attempt.outcome;
    } else {
        enter_new(&s, how);
        outcome = keep(&s, how);
    }
    emulation->mode = mode;
    return outcome == EMULATED_ACCESS ? EMULATED_UNKNOWN : outcome;
}
