#include "emulator/attempt.h"
#include "generated/x86/x86.h"

#define STATUS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

enum { RAX, RCX, RDX, RBX };

/* --- Flags --- */

void set_flags(struct attempt *attempt, uint64_t mask, uint64_t flags)
{
    attempt->registers.rflags = (attempt->registers.rflags & ~mask) | (flags & mask);
}

static bool get_top(uint64_t value, unsigned size)
{
    return value >> (size * 8 - 1) & 1;
}

/* RFLAGS_ZF, RFLAGS_SF and RFLAGS_PF follow from the result alone. */
static uint64_t get_result_flags(uint64_t result, unsigned size)
{
    bool even = !(__builtin_popcount((uint8_t)result) & 1);

    return (cut(result, size) ? 0 : RFLAGS_ZF) | (get_top(result, size) ? RFLAGS_SF : 0) | (even ? RFLAGS_PF : 0);
}

static uint64_t add(struct attempt *attempt, uint64_t one, uint64_t other, bool carry, unsigned size, uint64_t mask)
{
    uint64_t result = cut(one + other + carry, size), carries = (one & other) | ((one | other) & ~result);
    uint64_t flags = get_result_flags(result, size) | ((one ^ other ^ result) & RFLAGS_AF);

    flags |= (get_top(carries, size) ? RFLAGS_CF : 0) | (get_top((one ^ result) & (other ^ result), size) ? RFLAGS_OF : 0);
    set_flags(attempt, mask, flags);
    return result;
}

static uint64_t subtract(struct attempt *attempt, uint64_t one, uint64_t other, bool borrow, unsigned size, uint64_t mask)
{
    uint64_t result = cut(one - other - borrow, size), borrows = (~one & other) | (~(one ^ other) & result);
    uint64_t flags = get_result_flags(result, size) | ((one ^ other ^ result) & RFLAGS_AF);

    flags |= (get_top(borrows, size) ? RFLAGS_CF : 0) | (get_top((one ^ other) & (one ^ result), size) ? RFLAGS_OF : 0);
    set_flags(attempt, mask, flags);
    return result;
}

uint64_t set_logic(struct attempt *attempt, uint64_t result, unsigned size)
{
    set_flags(attempt, STATUS, get_result_flags(result, size));
    return result;
}

/* --- Two operands --- */

static void do_two(struct attempt *attempt)
{
    unsigned size = get_size(attempt, 0);
    uint64_t one = read_operand(attempt, 0), other = cut(read_operand(attempt, 1), size);
    bool carry = attempt->registers.rflags & RFLAGS_CF;

    switch (attempt->mnemonic) {
    case ZYDIS_MNEMONIC_ADD: write_operand(attempt, 0, add(attempt, one, other, false, size, STATUS)); break;
    case ZYDIS_MNEMONIC_ADC: write_operand(attempt, 0, add(attempt, one, other, carry, size, STATUS)); break;
    case ZYDIS_MNEMONIC_SUB: write_operand(attempt, 0, subtract(attempt, one, other, false, size, STATUS)); break;
    case ZYDIS_MNEMONIC_SBB: write_operand(attempt, 0, subtract(attempt, one, other, carry, size, STATUS)); break;
    case ZYDIS_MNEMONIC_AND: write_operand(attempt, 0, set_logic(attempt, one & other, size)); break;
    case ZYDIS_MNEMONIC_OR: write_operand(attempt, 0, set_logic(attempt, one | other, size)); break;
    case ZYDIS_MNEMONIC_XOR: write_operand(attempt, 0, set_logic(attempt, one ^ other, size)); break;
    case ZYDIS_MNEMONIC_CMP: subtract(attempt, one, other, false, size, STATUS); break;
    default: set_logic(attempt, one & other, size); break; /* TEST */
    }
}

/* --- One operand --- */

static void do_one(struct attempt *attempt)
{
    unsigned size = get_size(attempt, 0);
    uint64_t value = read_operand(attempt, 0);

    switch (attempt->mnemonic) {
    case ZYDIS_MNEMONIC_INC: write_operand(attempt, 0, add(attempt, value, 1, false, size, STATUS & ~RFLAGS_CF)); break;
    case ZYDIS_MNEMONIC_DEC: write_operand(attempt, 0, subtract(attempt, value, 1, false, size, STATUS & ~RFLAGS_CF)); break;
    case ZYDIS_MNEMONIC_NEG: write_operand(attempt, 0, subtract(attempt, 0, value, false, size, STATUS)); break;
    default: write_operand(attempt, 0, ~value); break; /* NOT */
    }
}

/* --- Exchanges --- */

static void exchange(struct attempt *attempt)
{
    uint64_t one = read_operand(attempt, 0), other = read_operand(attempt, 1);

    write_operand(attempt, 0, other);
    write_operand(attempt, 1, one);
}

static void exchange_add(struct attempt *attempt)
{
    uint64_t one = read_operand(attempt, 0), other = read_operand(attempt, 1);

    write_operand(attempt, 0, add(attempt, one, other, false, get_size(attempt, 0), STATUS));
    write_operand(attempt, 1, one);
}

/* The destination is written in both cases. SDM: CMPXCHG */
static void compare_exchange(struct attempt *attempt)
{
    unsigned size = get_size(attempt, 0);
    uint64_t found = read_operand(attempt, 0), *accumulator = get_register(attempt, 0);
    bool equal = cut(*accumulator, size) == found;

    subtract(attempt, cut(*accumulator, size), found, false, size, STATUS);
    write_operand(attempt, 0, equal ? read_operand(attempt, 1) : found);
    if (equal)
        return;
    if (size == 4)
        *accumulator = found;
    else
        *accumulator = (*accumulator & ~cut(~0ull, size)) | found;
}

/* Twice 4 bytes at once, or twice 8 that must be aligned; of the flags ZF alone. SDM: CMPXCHG8B */
static void compare_exchange_pair(struct attempt *attempt)
{
    unsigned size = get_size(attempt, 0) / 2;
    bool wide = size == 8;
    uint64_t linear = find_linear(attempt, &attempt->operands[0]), *low = get_register(attempt, RAX),
             *high = get_register(attempt, RDX), first, second;
    bool equal;

    if (wide && linear & 15)
        stop_exception(attempt, VECTOR_GP, true, 0);
    first = read_linear(attempt, linear, 8);
    second = wide ? read_linear(attempt, linear + 8, 8) : first >> 32;
    first = cut(first, size);
    equal = first == cut(*low, size) && second == cut(*high, size);
    set_flags(attempt, RFLAGS_ZF, equal ? RFLAGS_ZF : 0);
    if (!equal)
        *low = first, *high = second;
    else
        first = cut(*get_register(attempt, RBX), size), second = cut(*get_register(attempt, RCX), size);
    write_linear(attempt, linear, 8, wide ? first : first | second << 32);
    if (wide)
        write_linear(attempt, linear + 8, 8, second);
}

/* --- Bits: an index in a register may lie outside the operand, which then moves. SDM: BT --- */

static uint64_t change_bit(ZydisMnemonic mnemonic, uint64_t value, uint64_t bit)
{
    switch (mnemonic) {
    case ZYDIS_MNEMONIC_BTS: return value | bit;
    case ZYDIS_MNEMONIC_BTR: return value & ~bit;
    case ZYDIS_MNEMONIC_BTC: return value ^ bit;
    default: return value;
    }
}

static void do_bit(struct attempt *attempt)
{
    unsigned size = get_size(attempt, 0), bits = size * 8;
    int64_t index = extend(read_operand(attempt, 1), size);
    bool far = attempt->operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
        attempt->operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY;
    uint64_t value, bit = 1ull << ((uint64_t)index & (bits - 1));

    if (far)
        attempt->shift = (index >> __builtin_ctz(bits)) * (int64_t)size;
    value = read_operand(attempt, 0);
    set_flags(attempt, RFLAGS_CF, value & bit ? RFLAGS_CF : 0);
    if (attempt->mnemonic != ZYDIS_MNEMONIC_BT)
        write_operand(attempt, 0, change_bit(attempt->mnemonic, value, bit));
}

bool do_arithmetic(struct attempt *attempt)
{
    switch (attempt->mnemonic) {
    case ZYDIS_MNEMONIC_ADD:
    case ZYDIS_MNEMONIC_ADC:
    case ZYDIS_MNEMONIC_SUB:
    case ZYDIS_MNEMONIC_SBB:
    case ZYDIS_MNEMONIC_AND:
    case ZYDIS_MNEMONIC_OR:
    case ZYDIS_MNEMONIC_XOR:
    case ZYDIS_MNEMONIC_CMP:
    case ZYDIS_MNEMONIC_TEST: do_two(attempt); return true;
    case ZYDIS_MNEMONIC_INC:
    case ZYDIS_MNEMONIC_DEC:
    case ZYDIS_MNEMONIC_NEG:
    case ZYDIS_MNEMONIC_NOT: do_one(attempt); return true;
    case ZYDIS_MNEMONIC_XCHG: exchange(attempt); return true;
    case ZYDIS_MNEMONIC_XADD: exchange_add(attempt); return true;
    case ZYDIS_MNEMONIC_CMPXCHG: compare_exchange(attempt); return true;
    case ZYDIS_MNEMONIC_CMPXCHG8B:
    case ZYDIS_MNEMONIC_CMPXCHG16B: compare_exchange_pair(attempt); return true;
    case ZYDIS_MNEMONIC_BT:
    case ZYDIS_MNEMONIC_BTS:
    case ZYDIS_MNEMONIC_BTR:
    case ZYDIS_MNEMONIC_BTC: do_bit(attempt); return true;
    default: return false;
    }
}
