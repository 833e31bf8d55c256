/* String instructions, one round at a time: a repeated one is emulated again by its caller until RCX is 0. */
#include "emulator/attempt.h"
#include "generated/x86/x86.h"

#define REPEATS (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE)

enum { RAX = 0, RCX = 1, RDX = 2, RSI = 6, RDI = 7 };

static uint64_t get_mask(struct attempt *attempt)
{
    unsigned width = attempt->instruction->address_width;

    return width == 64 ? ~0ull : (1ull << width) - 1;
}

/* An address register moves within its width; 32 bits clear the rest. */
static void move(struct attempt *attempt, unsigned number, int64_t by)
{
    uint64_t *place = get_register(attempt, number), mask = get_mask(attempt), moved = (*place + (uint64_t)by) & mask;

    *place = mask == 0xFFFF ? (*place & ~mask) | moved : moved;
}

static bool is_repeated(struct attempt *attempt)
{
    return attempt->instruction->attributes & REPEATS;
}

static unsigned find_memory_operand(struct attempt *attempt, unsigned from)
{
    while (from < ZYDIS_MAX_OPERAND_COUNT - 1 && attempt->operands[from].type != ZYDIS_OPERAND_TYPE_MEMORY)
        from++;
    return from;
}

/* CMPS and SCAS: flags of a comparison, by the arithmetic of CMP. */
static void compare(struct attempt *attempt)
{
    attempt->mnemonic = ZYDIS_MNEMONIC_CMP;
    do_arithmetic(attempt);
}

static void do_input(struct attempt *attempt, unsigned size)
{
    uint64_t port = *get_register(attempt, RDX) & 0xFFFF, value = access_port(attempt, (uint16_t)port, size, false, 0);

    write_operand(attempt, find_memory_operand(attempt, 0), value);
}

static void do_output(struct attempt *attempt, unsigned size)
{
    uint64_t port = *get_register(attempt, RDX) & 0xFFFF, value = read_operand(attempt, find_memory_operand(attempt, 0));

    if (!attempt->stopped)
        access_port(attempt, (uint16_t)port, size, true, value);
}

enum kind { MOVE, STORE, LOAD, COMPARE, SCAN, INPUT, OUTPUT, NONE };

static enum kind get_kind(ZydisMnemonic mnemonic)
{
    switch (mnemonic) {
    case ZYDIS_MNEMONIC_MOVSB:
    case ZYDIS_MNEMONIC_MOVSW:
    case ZYDIS_MNEMONIC_MOVSD:
    case ZYDIS_MNEMONIC_MOVSQ: return MOVE;
    case ZYDIS_MNEMONIC_STOSB:
    case ZYDIS_MNEMONIC_STOSW:
    case ZYDIS_MNEMONIC_STOSD:
    case ZYDIS_MNEMONIC_STOSQ: return STORE;
    case ZYDIS_MNEMONIC_LODSB:
    case ZYDIS_MNEMONIC_LODSW:
    case ZYDIS_MNEMONIC_LODSD:
    case ZYDIS_MNEMONIC_LODSQ: return LOAD;
    case ZYDIS_MNEMONIC_CMPSB:
    case ZYDIS_MNEMONIC_CMPSW:
    case ZYDIS_MNEMONIC_CMPSD:
    case ZYDIS_MNEMONIC_CMPSQ: return COMPARE;
    case ZYDIS_MNEMONIC_SCASB:
    case ZYDIS_MNEMONIC_SCASW:
    case ZYDIS_MNEMONIC_SCASD:
    case ZYDIS_MNEMONIC_SCASQ: return SCAN;
    case ZYDIS_MNEMONIC_INSB:
    case ZYDIS_MNEMONIC_INSW:
    case ZYDIS_MNEMONIC_INSD: return INPUT;
    case ZYDIS_MNEMONIC_OUTSB:
    case ZYDIS_MNEMONIC_OUTSW:
    case ZYDIS_MNEMONIC_OUTSD: return OUTPUT;
    default: return NONE;
    }
}

static void do_round(struct attempt *attempt, enum kind kind, unsigned size)
{
    int64_t step = attempt->registers.rflags & RFLAGS_DF ? -(int64_t)size : (int64_t)size;

    switch (kind) {
    case MOVE:
    case STORE:
    case LOAD: write_operand(attempt, 0, read_operand(attempt, 1)); break;
    case COMPARE:
    case SCAN: compare(attempt); break;
    case INPUT: do_input(attempt, size); break;
    default: do_output(attempt, size); break;
    }
    if (kind != LOAD && kind != OUTPUT)
        move(attempt, RDI, step);
    if (kind == MOVE || kind == LOAD || kind == COMPARE || kind == OUTPUT)
        move(attempt, RSI, step);
}

/* Is another round due? SDM: REP */
static bool goes_on(struct attempt *attempt, enum kind kind)
{
    bool zero = attempt->registers.rflags & RFLAGS_ZF;

    if (!(*get_register(attempt, RCX) & get_mask(attempt)))
        return false;
    if (kind != COMPARE && kind != SCAN)
        return true;
    return attempt->instruction->attributes & ZYDIS_ATTRIB_HAS_REPNE ? !zero : zero;
}

/* MOVSD and CMPSD name instructions on vectors too. */
static bool is_string(struct attempt *attempt)
{
    ZydisInstructionCategory category = attempt->instruction->meta.category;

    return category == ZYDIS_CATEGORY_STRINGOP || category == ZYDIS_CATEGORY_IOSTRINGOP;
}

bool do_string(struct attempt *attempt)
{
    enum kind kind = get_kind(attempt->mnemonic);

    if (kind == NONE || !is_string(attempt))
        return false;
    if (is_repeated(attempt) && !(*get_register(attempt, RCX) & get_mask(attempt)))
        return true;
    do_round(attempt, kind, attempt->operands[find_memory_operand(attempt, 0)].size / 8);
    if (is_repeated(attempt)) {
        move(attempt, RCX, -1);
        if (goes_on(attempt, kind))
            stop_attempt(attempt, EMULATED_AGAIN);
    }
    return true;
}
