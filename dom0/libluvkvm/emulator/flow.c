/* Conditions, the stack, and jumps whose target or whose stack is a device's. SDM: CMOVcc, SETcc, PUSH, POP, CALL, RET, JMP, ENTER, LEAVE */
#include "emulator/play.h"

#define CF 0x1ull
#define PF 0x4ull
#define ZF 0x40ull
#define SF 0x80ull
#define OF 0x800ull
#define CR4_LA57 (1ull << 12)
#define GENERAL_PROTECTION 13

enum { RSP = 4, RBP = 5 };

/* --- Conditions: the opcode's lowest four bits, of which the last one negates. SDM: appendix B of volume 1 --- */

static bool is_met(struct play *play)
{
    uint64_t flags = play->registers.rflags;
    bool less = !(flags & SF) != !(flags & OF), met;

    switch (play->instruction->opcode >> 1 & 7) {
    case 0: met = flags & OF; break;
    case 1: met = flags & CF; break;
    case 2: met = flags & ZF; break;
    case 3: met = flags & (CF | ZF); break;
    case 4: met = flags & SF; break;
    case 5: met = flags & PF; break;
    case 6: met = less; break;
    default: met = less || flags & ZF; break;
    }
    return met != (play->instruction->opcode & 1);
}

bool do_condition(struct play *play)
{
    uint64_t value;

    switch (play->instruction->meta.category) {
    case ZYDIS_CATEGORY_CMOV: /* 32 bits clear the upper half in both cases */
        value = read_operand(play, 1);
        write_operand(play, 0, is_met(play) ? value : read_operand(play, 0));
        return true;
    case ZYDIS_CATEGORY_SETCC: write_operand(play, 0, is_met(play)); return true;
    default: return false;
    }
}

/* --- The stack --- */

static uint64_t get_stack_mask(struct play *play)
{
    unsigned width = play->instruction->stack_width;

    return width == 64 ? ~0ull : (1ull << width) - 1;
}

static uint64_t find_stack(struct play *play, uint64_t offset)
{
    bool flat = play->instruction->machine_mode == ZYDIS_MACHINE_MODE_LONG_64;

    return flat ? offset : (uint32_t)(play->emulation->mode->ss_base + offset);
}

static void move_stack(struct play *play, unsigned number, uint64_t value)
{
    uint64_t *place = get_register(play, number), mask = get_stack_mask(play);

    *place = mask == 0xFFFF ? (*place & ~mask) | (value & mask) : value & mask;
}

static void push(struct play *play, uint64_t value, unsigned size)
{
    uint64_t top = (*get_register(play, RSP) - size) & get_stack_mask(play);

    write_linear(play, find_stack(play, top), size, value);
    move_stack(play, RSP, top);
}

static uint64_t pop(struct play *play, unsigned size)
{
    uint64_t top = *get_register(play, RSP) & get_stack_mask(play), value = read_linear(play, find_stack(play, top), size);

    move_stack(play, RSP, top + size);
    return value;
}

/* Nested frames are nobody's any more. */
static bool do_enter(struct play *play, unsigned size)
{
    if (play->operands[1].imm.value.u & 31)
        return false;
    push(play, *get_register(play, RBP), size);
    move_stack(play, RBP, *get_register(play, RSP));
    move_stack(play, RSP, *get_register(play, RSP) - play->operands[0].imm.value.u);
    return true;
}

static void do_leave(struct play *play, unsigned size)
{
    uint64_t value;

    move_stack(play, RSP, *get_register(play, RBP));
    value = pop(play, size);
    if (size == 2)
        *get_register(play, RBP) = (*get_register(play, RBP) & ~0xFFFFull) | value;
    else
        *get_register(play, RBP) = value;
}

/* --- Jumps --- */

static bool is_canonical(struct play *play, uint64_t address)
{
    unsigned unused = play->emulation->mode->cr4 & CR4_LA57 ? 7 : 16;

    return (uint64_t)((int64_t)(address << unused) >> unused) == address;
}

void jump_to(struct play *play, uint64_t target, bool wide, uint32_t limit)
{
    if (wide ? !is_canonical(play, target) : target > limit)
        stop_exception(play, GENERAL_PROTECTION, true, 0);
    play->jumped = true;
    play->target = target;
}

static void jump(struct play *play, uint64_t target, unsigned size)
{
    bool wide = play->instruction->machine_mode == ZYDIS_MACHINE_MODE_LONG_64;

    jump_to(play, cut(target, size), wide, play->emulation->mode->cs_limit);
}

static uint64_t find_target(struct play *play)
{
    const ZydisDecodedOperand *operand = &play->operands[0];
    uint64_t value = read_operand(play, 0);

    if (operand->type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
        return value;
    return value + play->registers.rip + play->instruction->length;
}

static void do_call(struct play *play, unsigned size)
{
    uint64_t behind = play->registers.rip + play->instruction->length;

    jump(play, find_target(play), size);
    push(play, behind, size);
}

static void do_return(struct play *play, unsigned size)
{
    jump(play, pop(play, size), size);
    if (play->instruction->operand_count_visible)
        move_stack(play, RSP, *get_register(play, RSP) + play->operands[0].imm.value.u);
}

/* A far one's operand is a selector too. */
static bool is_far(struct play *play)
{
    return play->instruction->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
}

/* Of selectors: not done here. */
static bool is_general(struct play *play)
{
    const ZydisDecodedOperand *operand = &play->operands[0];

    return operand->type != ZYDIS_OPERAND_TYPE_REGISTER || ZydisRegisterGetClass(operand->reg.value) != ZYDIS_REGCLASS_SEGMENT;
}

static bool do_push(struct play *play, unsigned size)
{
    if (!is_general(play))
        return false;
    push(play, read_operand(play, 0), size);
    return true;
}

/* Where it goes is found with RSP already moved. */
static bool do_pop(struct play *play, unsigned size)
{
    uint64_t value;

    if (!is_general(play))
        return false;
    value = pop(play, size);
    write_operand(play, 0, value);
    return true;
}

bool do_stack(struct play *play)
{
    unsigned size = play->instruction->operand_width / 8;

    switch (play->mnemonic) {
    case ZYDIS_MNEMONIC_PUSH: return do_push(play, size);
    case ZYDIS_MNEMONIC_POP: return do_pop(play, size);
    case ZYDIS_MNEMONIC_ENTER: return do_enter(play, size);
    case ZYDIS_MNEMONIC_LEAVE: do_leave(play, size); return true;
    default: return false;
    }
}

bool do_jump(struct play *play)
{
    unsigned size = play->instruction->operand_width / 8;

    if (is_far(play))
        return false;
    switch (play->mnemonic) {
    case ZYDIS_MNEMONIC_JMP: jump(play, find_target(play), size); return true;
    case ZYDIS_MNEMONIC_CALL: do_call(play, size); return true;
    case ZYDIS_MNEMONIC_RET: do_return(play, size); return true;
    default: return false;
    }
}
