#include "emulator/play.h"

#define RFLAGS_DF (1ull << 10)

/* struct kvm_regs has another order than the encodings: rax rcx rdx rbx rsp rbp rsi rdi there. */
uint64_t *get_register(struct play *play, unsigned number)
{
    static const uint8_t order[16] = {0, 2, 3, 1, 6, 7, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15};

    return (uint64_t *)(void *)&play->registers + order[number & 15];
}

/* A byte register: its number and whether it is the second byte. */
static unsigned find_byte(ZydisRegister which, bool *high)
{
    *high = which >= ZYDIS_REGISTER_AH && which <= ZYDIS_REGISTER_BH;
    if (*high)
        return which - ZYDIS_REGISTER_AH;
    return which <= ZYDIS_REGISTER_BL ? which - ZYDIS_REGISTER_AL : which - ZYDIS_REGISTER_SPL + 4;
}

uint64_t read_register(struct play *play, ZydisRegister which)
{
    bool high;

    switch (ZydisRegisterGetClass(which)) {
    case ZYDIS_REGCLASS_GPR8: {
        uint64_t value = *get_register(play, find_byte(which, &high));

        return (high ? value >> 8 : value) & 0xFF;
    }
    case ZYDIS_REGCLASS_GPR16: return *get_register(play, (unsigned)ZydisRegisterGetId(which)) & 0xFFFF;
    case ZYDIS_REGCLASS_GPR32: return *get_register(play, (unsigned)ZydisRegisterGetId(which)) & 0xFFFFFFFF;
    case ZYDIS_REGCLASS_GPR64: return *get_register(play, (unsigned)ZydisRegisterGetId(which));
    case ZYDIS_REGCLASS_IP: return play->registers.rip + play->instruction->length;
    default:
        if (which != ZYDIS_REGISTER_NONE)
            stop_play(play, EMULATED_UNKNOWN);
        return 0;
    }
}

static void write_byte(struct play *play, ZydisRegister which, uint64_t value)
{
    bool high;
    uint64_t *place = get_register(play, find_byte(which, &high));
    unsigned shift = high ? 8 : 0;

    *place = (*place & ~(0xFFull << shift)) | (value & 0xFF) << shift;
}

/* 32 bits clear the upper half, 8 and 16 leave the rest. SDM: 3.4.1.1 */
void write_register_operand(struct play *play, ZydisRegister which, uint64_t value)
{
    uint64_t *place = get_register(play, (unsigned)ZydisRegisterGetId(which));

    switch (ZydisRegisterGetClass(which)) {
    case ZYDIS_REGCLASS_GPR8: write_byte(play, which, value); break;
    case ZYDIS_REGCLASS_GPR16: *place = (*place & ~0xFFFFull) | (value & 0xFFFF); break;
    case ZYDIS_REGCLASS_GPR32: *place = (uint32_t)value; break;
    case ZYDIS_REGCLASS_GPR64: *place = value; break;
    default: stop_play(play, EMULATED_UNKNOWN);
    }
}

static uint64_t get_base(struct play *play, ZydisRegister segment)
{
    const struct luv_mode *mode = play->emulation->mode;
    bool flat = play->instruction->machine_mode == ZYDIS_MACHINE_MODE_LONG_64;

    switch (segment) {
    case ZYDIS_REGISTER_FS: return mode->fs_base;
    case ZYDIS_REGISTER_GS: return mode->gs_base;
    case ZYDIS_REGISTER_ES: return flat ? 0 : mode->es_base;
    case ZYDIS_REGISTER_CS: return flat ? 0 : mode->cs_base;
    case ZYDIS_REGISTER_SS: return flat ? 0 : mode->ss_base;
    default: return flat ? 0 : mode->ds_base;
    }
}

uint64_t find_linear(struct play *play, const ZydisDecodedOperand *operand)
{
    uint64_t offset = (uint64_t)(operand->mem.disp.value + play->shift);
    unsigned width = play->instruction->address_width;
    uint64_t linear;

    offset += read_register(play, operand->mem.base) + read_register(play, operand->mem.index) * operand->mem.scale;
    if (width < 64)
        offset &= (1ull << width) - 1;
    linear = get_base(play, operand->mem.segment) + offset;
    return play->instruction->machine_mode == ZYDIS_MACHINE_MODE_LONG_64 ? linear : (uint32_t)linear;
}

unsigned get_size(struct play *play, unsigned index)
{
    return play->operands[index].size / 8;
}

uint64_t read_operand(struct play *play, unsigned index)
{
    const ZydisDecodedOperand *operand = &play->operands[index];

    switch (operand->type) {
    case ZYDIS_OPERAND_TYPE_REGISTER: return read_register(play, operand->reg.value);
    case ZYDIS_OPERAND_TYPE_IMMEDIATE: return operand->imm.value.u;
    case ZYDIS_OPERAND_TYPE_MEMORY:
        if (operand->size <= 64)
            return read_linear(play, find_linear(play, operand), operand->size / 8);
                /* fallthrough */
    default: stop_play(play, EMULATED_UNKNOWN); return 0;
    }
}

void write_operand(struct play *play, unsigned index, uint64_t value)
{
    const ZydisDecodedOperand *operand = &play->operands[index];

    if (play->stopped)
        return;
    if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER)
        write_register_operand(play, operand->reg.value, value);
    else if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY && operand->size <= 64)
        write_linear(play, find_linear(play, operand), operand->size / 8, value);
    else
        stop_play(play, EMULATED_UNKNOWN);
}
