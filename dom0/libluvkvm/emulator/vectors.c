/* Moves between a device and a vector register, by pieces of eight bytes. SDM: MOVUPS and its like, MOVQ, MOVD, MOVNTDQ; 14.4 */
#include <cpuid.h>
#include <string.h>

#include "emulator/attempt.h"
#include "generated/x86/x86.h"

#define CONTROL_WORD 0u /* places in an XSAVE area. SDM: 10.5.1, 14.4 */
#define STATUS_WORD 2u
#define TAGS 4u
#define X87 32u
#define XMM 160u
#define XSTATE_BV 512u
#define YMM_UPPER 576u
#define INITIAL_CONTROL 0x37Fu
#define TOP_SHIFT 3 /* in the upper byte of the status word */
#define TOP_MASK (7u << TOP_SHIFT)

enum part { PART_X87, PART_SSE, PART_AVX, PART_ZMM_UPPER = 6 };

struct vectors {
    uint8_t *area;
    unsigned number;
    bool mmx;
};

static bool has_part(const struct vectors *vectors, enum part part)
{
    return vectors->area[XSTATE_BV] >> part & 1;
}

/* A part that is in its initial state is zeros, whatever the area has. */
static void use_component(struct vectors *vectors, enum part part, uint32_t offset, uint32_t size)
{
    if (!has_part(vectors, part))
        memset(vectors->area + offset, 0, size);
    vectors->area[XSTATE_BV] |= (uint8_t)(1u << part);
}

/* The registers of MMX are those of x87 as they lie, not as its stack has them; each use resets the stack. SDM: 9.5 */
static void use_mmx(struct vectors *vectors)
{
    uint8_t old[8][16], *status = vectors->area + STATUS_WORD + 1;
    unsigned top = (*status & TOP_MASK) >> TOP_SHIFT;

    memcpy(old, vectors->area + X87, sizeof old);
    for (unsigned i = 0; i < 8; i++)
        memcpy(vectors->area + X87 + i * 16, old[(i - top) & 7], 16);
    *status &= (uint8_t)~TOP_MASK;
    vectors->area[TAGS] = 0xFF;
    vectors->area[XSTATE_BV] |= 1u << PART_X87;
}

/* --- One register --- */

static uint8_t *get_low(struct vectors *vectors)
{
    return vectors->area + (vectors->mmx ? X87 : XMM) + vectors->number * 16;
}

static uint8_t *get_upper(struct vectors *vectors)
{
    return vectors->area + YMM_UPPER + vectors->number * 16;
}

/* What an encoding by VEX clears beyond its own width. */
static void clear_upper(struct vectors *vectors)
{
    uint32_t size, offset, none;

    if (has_part(vectors, PART_AVX))
        memset(get_upper(vectors), 0, 16);
    __cpuid_count(CPUID_LEAF_XSAVE, PART_ZMM_UPPER, size, offset, none, none);
    if (has_part(vectors, PART_ZMM_UPPER))
        memset(vectors->area + offset + vectors->number * 32, 0, 32);
}

static void write_vector(struct attempt *attempt, struct vectors *vectors, const uint8_t *bytes, unsigned size)
{
    uint8_t *low = get_low(vectors);

    if (attempt->instruction->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX)
        clear_upper(vectors);
    memset(low, 0, vectors->mmx ? 8 : 16);
    memcpy(low, bytes, size < 16 ? size : 16);
    if (vectors->mmx)
        memset(low + 8, 0xFF, 2);
    if (size > 16) {
        use_component(vectors, PART_AVX, YMM_UPPER, 256);
        memcpy(get_upper(vectors), bytes + 16, size - 16);
    }
}

static void read_vector(struct vectors *vectors, uint8_t *bytes, unsigned size)
{
    memcpy(bytes, get_low(vectors), size < 16 ? size : 16);
    if (size > 16 && has_part(vectors, PART_AVX))
        memcpy(bytes + 16, get_upper(vectors), size - 16);
    else if (size > 16)
        memset(bytes + 16, 0, size - 16);
}

/* --- The move --- */

static void load(struct attempt *attempt, const ZydisDecodedOperand *memory, uint8_t *bytes, unsigned size)
{
    uint64_t linear = find_linear(attempt, memory);

    for (unsigned i = 0; i < size; i += 8) {
        uint64_t value = read_linear(attempt, linear + i, size - i < 8 ? size - i : 8);

        memcpy(bytes + i, &value, 8);
    }
}

static void store(struct attempt *attempt, const ZydisDecodedOperand *memory, const uint8_t *bytes, unsigned size)
{
    uint64_t linear = find_linear(attempt, memory);

    for (unsigned i = 0; i < size; i += 8) {
        uint64_t value;

        memcpy(&value, bytes + i, 8);
        write_linear(attempt, linear + i, size - i < 8 ? size - i : 8, value);
    }
}

static bool is_move(ZydisMnemonic mnemonic)
{
    switch (mnemonic) {
    case ZYDIS_MNEMONIC_MOVUPS:
    case ZYDIS_MNEMONIC_MOVUPD:
    case ZYDIS_MNEMONIC_MOVAPS:
    case ZYDIS_MNEMONIC_MOVAPD:
    case ZYDIS_MNEMONIC_MOVDQU:
    case ZYDIS_MNEMONIC_MOVDQA:
    case ZYDIS_MNEMONIC_MOVNTDQ:
    case ZYDIS_MNEMONIC_MOVNTPS:
    case ZYDIS_MNEMONIC_MOVNTPD:
    case ZYDIS_MNEMONIC_MOVNTDQA:
    case ZYDIS_MNEMONIC_MOVNTQ:
    case ZYDIS_MNEMONIC_LDDQU:
    case ZYDIS_MNEMONIC_MOVQ:
    case ZYDIS_MNEMONIC_MOVD:
    case ZYDIS_MNEMONIC_MOVSS:
    case ZYDIS_MNEMONIC_MOVSD:
    case ZYDIS_MNEMONIC_VMOVUPS:
    case ZYDIS_MNEMONIC_VMOVUPD:
    case ZYDIS_MNEMONIC_VMOVAPS:
    case ZYDIS_MNEMONIC_VMOVAPD:
    case ZYDIS_MNEMONIC_VMOVDQU:
    case ZYDIS_MNEMONIC_VMOVDQA:
    case ZYDIS_MNEMONIC_VMOVNTDQ:
    case ZYDIS_MNEMONIC_VMOVNTPS:
    case ZYDIS_MNEMONIC_VMOVNTPD:
    case ZYDIS_MNEMONIC_VMOVNTDQA:
    case ZYDIS_MNEMONIC_VLDDQU:
    case ZYDIS_MNEMONIC_VMOVQ:
    case ZYDIS_MNEMONIC_VMOVD:
    case ZYDIS_MNEMONIC_VMOVSS:
    case ZYDIS_MNEMONIC_VMOVSD: return true;
    default: return false;
    }
}

/* The register's place in the area, and that one's state. */
static bool find_register(struct attempt *attempt, const ZydisDecodedOperand *operand, struct vectors *vectors)
{
    const struct emulation *emulation = attempt->emulation;
    ZydisRegisterClass class = ZydisRegisterGetClass(operand->reg.value);

    vectors->mmx = class == ZYDIS_REGCLASS_MMX;
    vectors->number = (unsigned)ZydisRegisterGetId(operand->reg.value);
    if (!vectors->mmx && class != ZYDIS_REGCLASS_XMM && class != ZYDIS_REGCLASS_YMM)
        return false;
    vectors->area = emulation->owner_state ? emulation->owner_state->get_xsave(emulation->owner) : NULL;
    if (!vectors->area)
        return false;
    if (vectors->mmx)
        use_mmx(vectors);
    else
        use_component(vectors, PART_SSE, XMM, 256);
    return true;
}

/* The state is read when nothing can stop the attempt any more, except at the start of a store. */
static bool move(struct attempt *attempt, const ZydisDecodedOperand *reg, const ZydisDecodedOperand *memory, bool to_memory)
{
    unsigned size = memory->size / 8;
    struct vectors vectors;
    uint8_t bytes[32];

    if (size > sizeof bytes)
        return false;
    if (!to_memory)
        load(attempt, memory, bytes, size);
    if (attempt->stopped)
        return true;
    if (!find_register(attempt, reg, &vectors))
        return false;
    if (to_memory) {
        read_vector(&vectors, bytes, size);
        store(attempt, memory, bytes, size);
    } else {
        write_vector(attempt, &vectors, bytes, size);
    }
    if ((vectors.mmx || !to_memory) && !attempt->stopped)
        attempt->emulation->owner_state->set_xsave(attempt->emulation->owner);
    return true;
}

/* The control word is one of ten registers' state; in its initial state it is not in the area. SDM: 8.1.5, 13.6 */
static uint16_t read_word(const struct vectors *vectors, unsigned place, uint16_t initial)
{
    uint16_t word;

    memcpy(&word, vectors->area + place, sizeof word);
    return has_part(vectors, PART_X87) ? word : initial;
}

bool do_x87(struct attempt *attempt)
{
    const struct emulation *emulation = attempt->emulation;
    bool control = attempt->mnemonic == ZYDIS_MNEMONIC_FNSTCW;
    struct vectors vectors = {0};

    if (!control && attempt->mnemonic != ZYDIS_MNEMONIC_FNSTSW)
        return false;
    vectors.area = emulation->owner_state ? emulation->owner_state->get_xsave(emulation->owner) : NULL;
    if (!vectors.area)
        return false;
    write_operand(attempt, 0,
                  control ? read_word(&vectors, CONTROL_WORD, INITIAL_CONTROL) : read_word(&vectors, STATUS_WORD, 0));
    return true;
}

bool do_vector(struct attempt *attempt)
{
    const ZydisDecodedOperand *first = &attempt->operands[0], *second = &attempt->operands[1];
    bool to_memory = first->type == ZYDIS_OPERAND_TYPE_MEMORY;
    const ZydisDecodedOperand *memory = to_memory ? first : second, *reg = to_memory ? second : first;

    if (!is_move(attempt->mnemonic) || attempt->instruction->encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX ||
        attempt->instruction->operand_count_visible != 2 || memory->type != ZYDIS_OPERAND_TYPE_MEMORY ||
        reg->type != ZYDIS_OPERAND_TYPE_REGISTER)
        return false;
    return move(attempt, reg, memory, to_memory);
}
