#include "emulator/emulate.h"

#include <string.h>

#include "emulator/play.h"

#define RFLAGS_RF (1ull << 16)

void begin_emulation(struct emulation *emulation, struct vm *vm, struct kvm_regs *registers, const struct luv_mode *mode)
{
    emulation->vm = vm;
    emulation->beyond = NULL;
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

static bool do_move(struct play *play)
{
    switch (play->mnemonic) {
    case ZYDIS_MNEMONIC_MOV:
    case ZYDIS_MNEMONIC_MOVZX:
    case ZYDIS_MNEMONIC_MOVNTI: write_operand(play, 0, read_operand(play, 1)); return true;
    case ZYDIS_MNEMONIC_MOVSX:
    case ZYDIS_MNEMONIC_MOVSXD: write_operand(play, 0, (uint64_t)extend(read_operand(play, 1), get_size(play, 1))); return true;
    case ZYDIS_MNEMONIC_SMSW: write_operand(play, 0, play->emulation->mode->cr0); return true;
    case ZYDIS_MNEMONIC_MOVBE: write_operand(play, 0, swap(read_operand(play, 1), get_size(play, 1))); return true;
    default: return false;
    }
}

/* Nothing comes of them where there is no cache. */
static bool do_nothing(struct play *play)
{
    switch (play->mnemonic) {
    case ZYDIS_MNEMONIC_CLFLUSH:
    case ZYDIS_MNEMONIC_CLFLUSHOPT:
    case ZYDIS_MNEMONIC_CLWB: return true;
    default: return false;
    }
}

/* Selectors first: moves of them are MOV too. */
static bool do_any(struct play *play)
{
    return do_string(play) || do_segment(play) || do_move(play) || do_arithmetic(play) || do_shift(play) || do_product(play) ||
        do_condition(play) || do_stack(play) || do_jump(play) || do_vector(play) || do_nothing(play);
}

/* --- The play --- */

static void advance(struct play *play)
{
    ZydisMachineMode mode = play->instruction->machine_mode;
    uint64_t mask = mode == ZYDIS_MACHINE_MODE_LONG_64 ? ~0ull : mode == ZYDIS_MACHINE_MODE_LEGACY_32 ? 0xFFFFFFFF : 0xFFFF;

    play->registers.rip = play->jumped ? play->target : (play->registers.rip + play->instruction->length) & mask;
    play->registers.rflags &= ~RFLAGS_RF;
}

enum emulated emulate(struct emulation *emulation)
{
    struct play play = {.emulation = emulation, .registers = *emulation->registers, .outcome = EMULATED_DONE};

    if (!decode(&play))
        return EMULATED_UNKNOWN;
    if (!do_any(&play))
        return EMULATED_UNKNOWN;
    if (!play.stopped)
        advance(&play);
    if (play.outcome == EMULATED_DONE || play.outcome == EMULATED_AGAIN) {
        *emulation->registers = play.registers;
        emulation->count = 0;
    }
    return play.outcome;
}
