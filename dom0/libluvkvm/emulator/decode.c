/* Decoding: what was decoded lately is kept, since a guest's drivers use the same few instructions over and over. */
#include <string.h>

#include "emulator/attempt.h"
#include "generated/x86/x86.h"

#define KEPT 32u

/* By its bytes and how they are to be read; where it lies does not matter. */
struct kept {
    uint8_t mode, stack, length; /* 0: nothing */
    uint8_t bytes[15];
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

static __thread struct kept all[KEPT];

static ZydisMachineMode get_mode(const struct luv_mode *mode, uint64_t rflags)
{
    if (!(mode->cr0 & CR0_PE))
        return ZYDIS_MACHINE_MODE_REAL_16;
    if (mode->efer & EFER_LMA && mode->cs_rights & ACCESS_RIGHTS_L)
        return ZYDIS_MACHINE_MODE_LONG_64;
    if (rflags & RFLAGS_VM || !(mode->cs_rights & ACCESS_RIGHTS_DB))
        return ZYDIS_MACHINE_MODE_LEGACY_16;
    return ZYDIS_MACHINE_MODE_LEGACY_32;
}

static bool decode_anew(const struct emulation *emulation, struct kept *kept)
{
    ZydisDecoder decoder;

    kept->length = 0;
    if (ZYAN_FAILED(ZydisDecoderInit(&decoder, kept->mode, kept->stack)) ||
        ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, emulation->bytes, emulation->length, &kept->instruction, kept->operands)))
        return false;
    kept->length = kept->instruction.length;
    memcpy(kept->bytes, emulation->bytes, sizeof kept->bytes);
    return true;
}

static bool is_same(const struct kept *kept, const struct emulation *emulation, uint8_t mode, uint8_t stack)
{
    return kept->length && kept->length <= emulation->length && kept->mode == mode && kept->stack == stack &&
        !memcmp(kept->bytes, emulation->bytes, kept->length);
}

/* An instruction that has been answered in part stays the one it was. */
static const struct kept *find(struct attempt *attempt)
{
    const struct emulation *emulation = attempt->emulation;
    ZydisMachineMode mode = get_mode(emulation->mode, attempt->registers.rflags);
    ZydisStackWidth stack = mode == ZYDIS_MACHINE_MODE_LONG_64 ? ZYDIS_STACK_WIDTH_64
        : emulation->mode->ss_rights & ACCESS_RIGHTS_DB        ? ZYDIS_STACK_WIDTH_32
                                                               : ZYDIS_STACK_WIDTH_16;
    struct kept *kept = &all[(attempt->registers.rip ^ attempt->registers.rip >> 5) % KEPT];

    if (!emulation->count && !fetch(attempt))
        return NULL;
    if (is_same(kept, emulation, (uint8_t)mode, (uint8_t)stack))
        return kept;
    kept->mode = (uint8_t)mode;
    kept->stack = (uint8_t)stack;
    return decode_anew(emulation, kept) ? kept : NULL;
}

bool decode(struct attempt *attempt)
{
    const struct kept *kept = find(attempt);

    if (!kept)
        return false;
    attempt->instruction = &kept->instruction;
    attempt->operands = kept->operands;
    attempt->mnemonic = kept->instruction.mnemonic;
    return true;
}
