/* Conditions, the stack, and jumps whose target or whose stack is a device's. SDM: CMOVcc, SETcc, PUSH, PUSHA, PUSHF, CALL, RET, JMP, ENTER */
#include "emulator/attempt.h"
#include "generated/x86/x86.h"

#define STATUS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

enum { RSP = 4, RBP = 5 };

/* --- Conditions: the opcode's lowest four bits, of which the last one negates. SDM: appendix B of volume 1 --- */

static bool is_met(struct attempt *attempt)
{
    uint64_t flags = attempt->registers.rflags;
    bool less = !(flags & RFLAGS_SF) != !(flags & RFLAGS_OF), met;

    switch (attempt->instruction->opcode >> 1 & 7) {
    case 0: met = flags & RFLAGS_OF; break;
    case 1: met = flags & RFLAGS_CF; break;
    case 2: met = flags & RFLAGS_ZF; break;
    case 3: met = flags & (RFLAGS_CF | RFLAGS_ZF); break;
    case 4: met = flags & RFLAGS_SF; break;
    case 5: met = flags & RFLAGS_PF; break;
    case 6: met = less; break;
    default: met = less || flags & RFLAGS_ZF; break;
    }
    return met != (attempt->instruction->opcode & 1);
}

bool do_condition(struct attempt *attempt)
{
    uint64_t value;

    switch (attempt->instruction->meta.category) {
    case ZYDIS_CATEGORY_CMOV: /* 32 bits clear the upper half in both cases */
        value = read_operand(attempt, 1);
        write_operand(attempt, 0, is_met(attempt) ? value : read_operand(attempt, 0));
        return true;
    case ZYDIS_CATEGORY_SETCC: write_operand(attempt, 0, is_met(attempt)); return true;
    default: return false;
    }
}

/* --- The stack --- */

static uint64_t get_stack_mask(struct attempt *attempt)
{
    unsigned width = attempt->instruction->stack_width;

    return width == 64 ? ~0ull : (1ull << width) - 1;
}

static uint64_t find_stack(struct attempt *attempt, uint64_t offset)
{
    bool flat = attempt->instruction->machine_mode == ZYDIS_MACHINE_MODE_LONG_64;

    return flat ? offset : (uint32_t)(attempt->emulation->mode->ss_base + offset);
}

static void move_stack(struct attempt *attempt, unsigned number, uint64_t value)
{
    uint64_t *place = get_register(attempt, number), mask = get_stack_mask(attempt);

    *place = mask == 0xFFFF ? (*place & ~mask) | (value & mask) : value & mask;
}

void push(struct attempt *attempt, uint64_t value, unsigned size, unsigned written)
{
    uint64_t top = (*get_register(attempt, RSP) - size) & get_stack_mask(attempt);

    write_linear(attempt, find_stack(attempt, top), written, value);
    move_stack(attempt, RSP, top);
}

uint64_t pop(struct attempt *attempt, unsigned size)
{
    uint64_t top = *get_register(attempt, RSP) & get_stack_mask(attempt),
             value = read_linear(attempt, find_stack(attempt, top), size);

    move_stack(attempt, RSP, top + size);
    return value;
}

/* Nested stack frames are not supported. */
static bool do_enter(struct attempt *attempt, unsigned size)
{
    if (attempt->operands[1].imm.value.u & 31)
        return false;
    push(attempt, *get_register(attempt, RBP), size, size);
    move_stack(attempt, RBP, *get_register(attempt, RSP));
    move_stack(attempt, RSP, *get_register(attempt, RSP) - attempt->operands[0].imm.value.u);
    return true;
}

static void do_leave(struct attempt *attempt, unsigned size)
{
    uint64_t value;

    move_stack(attempt, RSP, *get_register(attempt, RBP));
    value = pop(attempt, size);
    if (size == 2)
        *get_register(attempt, RBP) = (*get_register(attempt, RBP) & ~0xFFFFull) | value;
    else
        *get_register(attempt, RBP) = value;
}

/* EAX to EDI in the order of their numbers; ESP is stored as it was, and not loaded. */
static void push_all(struct attempt *attempt, unsigned size)
{
    uint64_t stack = *get_register(attempt, RSP);

    for (unsigned i = 0; i < 8; i++)
        push(attempt, i == RSP ? stack : *get_register(attempt, i), size, size);
}

static void pop_all(struct attempt *attempt, unsigned size)
{
    for (unsigned i = 8; i-- > 0;) {
        uint64_t value = pop(attempt, size), *place = get_register(attempt, i);

        if (i != RSP)
            *place = size == 2 ? (*place & ~0xFFFFull) | value : value;
    }
}

/* VM and RF are not shown. */
static void push_flags(struct attempt *attempt, unsigned size)
{
    push(attempt, attempt->registers.rflags & ~(uint64_t)(RFLAGS_VM | RFLAGS_RF), size, size);
}

/* IOPL belongs to level 0, IF to levels that IOPL allows; VM, VIF and VIP stay. SDM: POPF */
static void pop_flags(struct attempt *attempt, unsigned size)
{
    bool protected = attempt->emulation->mode->cr0 & CR0_PE;
    unsigned level = protected ? attempt->emulation->mode->ss_rights >> 5 & 3 : 0;
    uint64_t loaded = STATUS | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC | RFLAGS_ID;

    if (level == 0)
        loaded |= RFLAGS_IOPL_MASK;
    if (level <= (attempt->registers.rflags & RFLAGS_IOPL_MASK) >> RFLAGS_IOPL_SHIFT)
        loaded |= RFLAGS_IF;
    set_flags(attempt, cut(loaded, size), pop(attempt, size));
}

/* --- Jumps --- */

bool is_canonical(struct attempt *attempt, uint64_t address)
{
    unsigned unused = attempt->emulation->mode->cr4 & CR4_LA57 ? 7 : 16;

    return (uint64_t)((int64_t)(address << unused) >> unused) == address;
}

void jump_to(struct attempt *attempt, uint64_t target, bool wide, uint32_t limit)
{
    if (wide ? !is_canonical(attempt, target) : target > limit)
        stop_exception(attempt, VECTOR_GP, true, 0);
    attempt->jumped = true;
    attempt->target = target;
}

static void jump(struct attempt *attempt, uint64_t target, unsigned size)
{
    bool wide = attempt->instruction->machine_mode == ZYDIS_MACHINE_MODE_LONG_64;

    jump_to(attempt, cut(target, size), wide, attempt->emulation->mode->cs_limit);
}

static uint64_t find_target(struct attempt *attempt)
{
    const ZydisDecodedOperand *operand = &attempt->operands[0];
    uint64_t value = read_operand(attempt, 0);

    if (operand->type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
        return value;
    return value + attempt->registers.rip + attempt->instruction->length;
}

static void do_call(struct attempt *attempt, unsigned size)
{
    uint64_t behind = attempt->registers.rip + attempt->instruction->length;

    jump(attempt, find_target(attempt), size);
    push(attempt, behind, size, size);
}

static void do_return(struct attempt *attempt, unsigned size)
{
    jump(attempt, pop(attempt, size), size);
    if (attempt->instruction->operand_count_visible)
        move_stack(attempt, RSP, *get_register(attempt, RSP) + attempt->operands[0].imm.value.u);
}

/* A far one's operand is a selector too. */
static bool is_far(struct attempt *attempt)
{
    return attempt->instruction->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
}

/* Of selectors: not done here. */
static bool is_general(struct attempt *attempt)
{
    const ZydisDecodedOperand *operand = &attempt->operands[0];

    return operand->type != ZYDIS_OPERAND_TYPE_REGISTER || ZydisRegisterGetClass(operand->reg.value) != ZYDIS_REGCLASS_SEGMENT;
}

static bool do_push(struct attempt *attempt, unsigned size)
{
    if (!is_general(attempt))
        return false;
    push(attempt, read_operand(attempt, 0), size, size);
    return true;
}

/* Where it goes is found with RSP already moved. */
static bool do_pop(struct attempt *attempt, unsigned size)
{
    uint64_t value;

    if (!is_general(attempt))
        return false;
    value = pop(attempt, size);
    write_operand(attempt, 0, value);
    return true;
}

bool do_stack(struct attempt *attempt)
{
    unsigned size = attempt->instruction->operand_width / 8;

    switch (attempt->mnemonic) {
    case ZYDIS_MNEMONIC_PUSH: return do_push(attempt, size);
    case ZYDIS_MNEMONIC_POP: return do_pop(attempt, size);
    case ZYDIS_MNEMONIC_ENTER: return do_enter(attempt, size);
    case ZYDIS_MNEMONIC_LEAVE: do_leave(attempt, size); return true;
    case ZYDIS_MNEMONIC_PUSHA:
    case ZYDIS_MNEMONIC_PUSHAD: push_all(attempt, size); return true;
    case ZYDIS_MNEMONIC_POPA:
    case ZYDIS_MNEMONIC_POPAD: pop_all(attempt, size); return true;
    case ZYDIS_MNEMONIC_PUSHF:
    case ZYDIS_MNEMONIC_PUSHFD:
    case ZYDIS_MNEMONIC_PUSHFQ: push_flags(attempt, size); return true;
    case ZYDIS_MNEMONIC_POPF:
    case ZYDIS_MNEMONIC_POPFD:
    case ZYDIS_MNEMONIC_POPFQ: pop_flags(attempt, size); return true;
    default: return false;
    }
}

bool do_jump(struct attempt *attempt)
{
    unsigned size = attempt->instruction->operand_width / 8;

    if (is_far(attempt))
        return false;
    switch (attempt->mnemonic) {
    case ZYDIS_MNEMONIC_JMP: jump(attempt, find_target(attempt), size); return true;
    case ZYDIS_MNEMONIC_CALL: do_call(attempt, size); return true;
    case ZYDIS_MNEMONIC_RET: do_return(attempt, size); return true;
    default: return false;
    }
}
