/* Shifts and rotations, a bit at a time. SDM: SAL/SAR/SHL/SHR, RCL/RCR/ROL/ROR, SHLD, SHRD */
#include "emulator/attempt.h"
#include "generated/x86/x86.h"

static bool get_bit(uint64_t value, unsigned bit)
{
    return value >> bit & 1;
}

static bool is_left(ZydisMnemonic mnemonic)
{
    return mnemonic == ZYDIS_MNEMONIC_SHL || mnemonic == ZYDIS_MNEMONIC_ROL || mnemonic == ZYDIS_MNEMONIC_RCL;
}

/* What comes in at the other end. */
static bool get_incoming(ZydisMnemonic mnemonic, uint64_t value, unsigned top, bool carry)
{
    switch (mnemonic) {
    case ZYDIS_MNEMONIC_SAR:
    case ZYDIS_MNEMONIC_ROL: return get_bit(value, top);
    case ZYDIS_MNEMONIC_ROR: return value & 1;
    case ZYDIS_MNEMONIC_RCL:
    case ZYDIS_MNEMONIC_RCR: return carry;
    default: return false;
    }
}

static uint64_t shift_once(ZydisMnemonic mnemonic, uint64_t value, unsigned top, bool *carry)
{
    uint64_t incoming = get_incoming(mnemonic, value, top, *carry);

    *carry = get_bit(value, is_left(mnemonic) ? top : 0);
    return is_left(mnemonic) ? cut(value << 1, (top + 1) / 8) | incoming : value >> 1 | incoming << top;
}

/* By one bit RFLAGS_OF says whether the sign changed; by more it is undefined. */
static uint64_t get_flags(ZydisMnemonic mnemonic, uint64_t result, unsigned top, bool carry)
{
    bool other = is_left(mnemonic) ? carry : get_bit(result, top - 1);

    return (carry ? RFLAGS_CF : 0) | (get_bit(result, top) != other ? RFLAGS_OF : 0);
}

static bool is_rotation(ZydisMnemonic mnemonic)
{
    return mnemonic != ZYDIS_MNEMONIC_SHL && mnemonic != ZYDIS_MNEMONIC_SHR && mnemonic != ZYDIS_MNEMONIC_SAR;
}

static unsigned get_count(struct attempt *attempt, unsigned index)
{
    return (unsigned)read_operand(attempt, index) & (get_size(attempt, 0) == 8 ? 63 : 31);
}

static void shift(struct attempt *attempt)
{
    unsigned size = get_size(attempt, 0), top = size * 8 - 1, count = get_count(attempt, 1);
    uint64_t value = read_operand(attempt, 0);
    bool carry = attempt->registers.rflags & RFLAGS_CF;

    for (unsigned i = 0; i < count; i++)
        value = shift_once(attempt->mnemonic, value, top, &carry);
    write_operand(attempt, 0, value);
    if (!count)
        return;
    if (!is_rotation(attempt->mnemonic))
        set_logic(attempt, value, size);
    set_flags(attempt, RFLAGS_CF | RFLAGS_OF, get_flags(attempt->mnemonic, value, top, carry));
}

/* Bits of the second operand come in. */
static void shift_double(struct attempt *attempt)
{
    bool left = attempt->mnemonic == ZYDIS_MNEMONIC_SHLD;
    unsigned size = get_size(attempt, 0), bits = size * 8, count = get_count(attempt, 2);
    uint64_t value = read_operand(attempt, 0), other = read_operand(attempt, 1), result = value;
    bool carry;

    if (count && count <= bits) {
        unsigned rest = bits - count;
        uint64_t moved = left ? (rest ? value << count : 0) : (rest ? value >> count : 0);

        result = cut(moved | (left ? other >> rest : other << rest), size);
        carry = get_bit(value, left ? rest : count - 1);
        set_logic(attempt, result, size);
        set_flags(attempt, RFLAGS_CF | RFLAGS_OF,
                  (carry ? RFLAGS_CF : 0) | (get_bit(value ^ result, bits - 1) ? RFLAGS_OF : 0));
    }
    write_operand(attempt, 0, result);
}

bool do_shift(struct attempt *attempt)
{
    switch (attempt->mnemonic) {
    case ZYDIS_MNEMONIC_SHL:
    case ZYDIS_MNEMONIC_SHR:
    case ZYDIS_MNEMONIC_SAR:
    case ZYDIS_MNEMONIC_ROL:
    case ZYDIS_MNEMONIC_ROR:
    case ZYDIS_MNEMONIC_RCL:
    case ZYDIS_MNEMONIC_RCR: shift(attempt); return true;
    case ZYDIS_MNEMONIC_SHLD:
    case ZYDIS_MNEMONIC_SHRD: shift_double(attempt); return true;
    default: return false;
    }
}
