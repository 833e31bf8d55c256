#include "emulator/emulate.h"

#include <string.h>

#include "emulator/attempt.h"
#include "generated/x86/x86.h"

void begin_emulation(struct emulation *emulation, struct vm *vm, struct kvm_regs *registers, const struct luv_mode *mode)
{
    emulation->vm = vm;
    emulation->owner_state = NULL;
    emulation->registers = registers;
    emulation->mode = mode;
    emulation->count = 0;
    emulation->known.read = emulation->known.write = false;
}

void answer_emulation(struct emulation *emulation)
{
    emulation->answers[emulation->count++] = emulation->access;
}

/* --- What only moves --- */

static uint64_t swap(uint64_t value, unsigned size)
{
    return __builtin_bswap64(value) >> (64 - size * 8);
}

/* AL is the index, which the decoder does not name, and gets the byte. */
static void translate(struct attempt *attempt)
{
    attempt->shift = (int64_t)read_register(attempt, ZYDIS_REGISTER_AL);
    write_register_operand(attempt, ZYDIS_REGISTER_AL, read_operand(attempt, 0));
}

static bool do_move(struct attempt *attempt)
{
    switch (attempt->mnemonic) {
    case ZYDIS_MNEMONIC_MOV:
    case ZYDIS_MNEMONIC_MOVZX:
    case ZYDIS_MNEMONIC_MOVNTI: write_operand(attempt, 0, read_operand(attempt, 1)); return true;
    case ZYDIS_MNEMONIC_MOVSX:
    case ZYDIS_MNEMONIC_MOVSXD:
        write_operand(attempt, 0, (uint64_t)extend(read_operand(attempt, 1), get_size(attempt, 1)));
        return true;
    case ZYDIS_MNEMONIC_SMSW: write_operand(attempt, 0, attempt->emulation->mode->cr0); return true;
    case ZYDIS_MNEMONIC_XLAT: translate(attempt); return true;
    case ZYDIS_MNEMONIC_MOVBE: write_operand(attempt, 0, swap(read_operand(attempt, 1), get_size(attempt, 1))); return true;
    default: return false;
    }
}

/* Nothing comes of them where there is no cache. */
static bool do_nothing(struct attempt *attempt)
{
    switch (attempt->mnemonic) {
    case ZYDIS_MNEMONIC_CLFLUSH:
    case ZYDIS_MNEMONIC_CLFLUSHOPT:
    case ZYDIS_MNEMONIC_CLWB: return true;
    default: return false;
    }
}

/* Selectors first: moves of them are MOV too. */
static bool do_any(struct attempt *attempt)
{
    return do_string(attempt) || do_segment(attempt) || do_move(attempt) || do_arithmetic(attempt) || do_shift(attempt) ||
        do_product(attempt) || do_condition(attempt) || do_stack(attempt) || do_jump(attempt) || do_vector(attempt) ||
        do_x87(attempt) || do_table(attempt) || do_nothing(attempt);
}

/* --- The attempt --- */

static void advance(struct attempt *attempt)
{
    ZydisMachineMode mode = attempt->instruction->machine_mode;
    uint64_t mask = mode == ZYDIS_MACHINE_MODE_LONG_64 ? ~0ull : mode == ZYDIS_MACHINE_MODE_LEGACY_32 ? 0xFFFFFFFF : 0xFFFF;

    attempt->registers.rip = attempt->jumped ? attempt->target : (attempt->registers.rip + attempt->instruction->length) & mask;
    attempt->registers.rflags &= ~(uint64_t)RFLAGS_RF;
}

enum emulated emulate(struct emulation *emulation)
{
    struct attempt attempt = {.emulation = emulation, .registers = *emulation->registers, .outcome = EMULATED_DONE};

    if (!decode(&attempt))
        return EMULATED_UNKNOWN;
    if (!do_any(&attempt))
        return EMULATED_UNKNOWN;
    if (!attempt.stopped)
        advance(&attempt);
    if (attempt.outcome == EMULATED_DONE || attempt.outcome == EMULATED_AGAIN) {
        *emulation->registers = attempt.registers;
        emulation->count = 0;
    }
    return attempt.outcome;
}
