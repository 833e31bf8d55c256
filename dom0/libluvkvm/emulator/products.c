/* Products, quotients, the first and last bit that is set. SDM: MUL, IMUL, DIV, IDIV, BSF, BSR */
#include "emulator/attempt.h"
#include "generated/x86/x86.h"

enum { RAX = 0, RDX = 2 };

typedef unsigned __int128 wide;
typedef __int128 wide_signed;

/* --- One operand: the other is rDX:rAX, or AX --- */

static uint64_t get_part(struct attempt *attempt, unsigned number, unsigned size)
{
    return cut(*get_register(attempt, number), size);
}

static void set_part(struct attempt *attempt, unsigned number, unsigned size, uint64_t value)
{
    uint64_t *place = get_register(attempt, number);

    *place = size >= 4 ? cut(value, size) : (*place & ~cut(~0ull, size)) | cut(value, size);
}

/* The lower half and the upper one. */
static void set_both(struct attempt *attempt, unsigned size, uint64_t low, uint64_t high)
{
    if (size == 1) {
        set_part(attempt, RAX, 2, cut(low, 1) | high << 8);
        return;
    }
    set_part(attempt, RAX, size, low);
    set_part(attempt, RDX, size, high);
}

static wide get_both(struct attempt *attempt, unsigned size)
{
    if (size == 1)
        return get_part(attempt, RAX, 2);
    return (wide)get_part(attempt, RDX, size) << size * 8 | get_part(attempt, RAX, size);
}

static wide_signed extend_wide(wide value, unsigned bits)
{
    unsigned unused = 128 - bits;

    return (wide_signed)(value << unused) >> unused;
}

/* RFLAGS_CF and RFLAGS_OF say that the upper half is needed; the other flags are undefined. */
static void set_overflow(struct attempt *attempt, bool overflow)
{
    set_flags(attempt, RFLAGS_CF | RFLAGS_OF, overflow ? RFLAGS_CF | RFLAGS_OF : 0);
}

static void multiply(struct attempt *attempt, bool with_sign)
{
    unsigned size = get_size(attempt, 0), bits = size * 8;
    uint64_t one = get_part(attempt, RAX, size), other = read_operand(attempt, 0);
    wide product = with_sign ? (wide)((wide_signed)extend(one, size) * extend(other, size)) : (wide)one * other;
    wide short_one = with_sign ? (wide)extend_wide(product, bits) : cut((uint64_t)product, size);

    set_both(attempt, size, (uint64_t)product, (uint64_t)(product >> bits));
    set_overflow(attempt, short_one != product);
}

/* --- Two or three operands: signed, cut to the first one's size --- */

static void multiply_into(struct attempt *attempt, unsigned first)
{
    unsigned size = get_size(attempt, 0);
    wide_signed product = (wide_signed)extend(read_operand(attempt, first), size) *
        extend(read_operand(attempt, first + 1), size);

    write_operand(attempt, 0, cut((uint64_t)product, size));
    set_overflow(attempt, extend_wide((wide)product, size * 8) != product);
}

/* --- Quotients: the flags are undefined --- */

static void divide(struct attempt *attempt)
{
    unsigned size = get_size(attempt, 0);
    uint64_t by = read_operand(attempt, 0);
    wide value = get_both(attempt, size);

    if (attempt->stopped)
        return;
    if (!by || value / by > cut(~0ull, size)) {
        stop_exception(attempt, VECTOR_DE, false, 0);
        return;
    }
    set_both(attempt, size, (uint64_t)(value / by), (uint64_t)(value % by));
}

/* The smallest value of all cannot be divided by -1, not even here. */
static void divide_signed(struct attempt *attempt)
{
    unsigned size = get_size(attempt, 0), bits = size * 8;
    wide_signed by = extend(read_operand(attempt, 0), size), value = extend_wide(get_both(attempt, size), 2 * bits), quotient;

    if (attempt->stopped)
        return;
    if (!by || (by == -1 && (wide)value == (wide)1 << 127)) {
        stop_exception(attempt, VECTOR_DE, false, 0);
        return;
    }
    quotient = value / by;
    if (extend_wide((wide)quotient, bits) != quotient)
        stop_exception(attempt, VECTOR_DE, false, 0);
    else
        set_both(attempt, size, (uint64_t)quotient, cut((uint64_t)(value % by), size));
}

/* --- Bits: of nothing the destination stays --- */

static void scan(struct attempt *attempt)
{
    uint64_t value = read_operand(attempt, 1);

    set_flags(attempt, RFLAGS_ZF, value ? 0 : RFLAGS_ZF);
    if (value)
        write_operand(
            attempt, 0,
            (unsigned)(attempt->mnemonic == ZYDIS_MNEMONIC_BSF ? __builtin_ctzll(value) : 63 - __builtin_clzll(value)));
}

bool do_product(struct attempt *attempt)
{
    switch (attempt->mnemonic) {
    case ZYDIS_MNEMONIC_MUL: multiply(attempt, false); return true;
    case ZYDIS_MNEMONIC_IMUL:
        if (attempt->instruction->operand_count_visible == 1)
            multiply(attempt, true);
        else
            multiply_into(attempt, attempt->instruction->operand_count_visible - 2u);
        return true;
    case ZYDIS_MNEMONIC_DIV: divide(attempt); return true;
    case ZYDIS_MNEMONIC_IDIV: divide_signed(attempt); return true;
    case ZYDIS_MNEMONIC_BSF:
    case ZYDIS_MNEMONIC_BSR: scan(attempt); return true;
    default: return false;
    }
}
