#include "emulator/attempt.h"
#include "generated/x86/x86.h"

/* struct kvm_regs has another order than the encodings: rax rcx rdx rbx rsp rbp rsi rdi there. */
uint64_t *get_register(struct attempt *attempt, unsigned number)
{
    static const uint8_t order[16] = {0, 2, 3, 1, 6, 7, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15};

    return (uint64_t *)(void *)&attempt->registers + order[number & 15];
}

/* A byte register: its number, and true for the second byte (AH to BH). */
static unsigned find_byte(ZydisRegister which, bool *high)
{
    *high = which >= ZYDIS_REGISTER_AH && which <= ZYDIS_REGISTER_BH;
    if (*high)
        return which - ZYDIS_REGISTER_AH;
    return which <= ZYDIS_REGISTER_BL ? which - ZYDIS_REGISTER_AL : which - ZYDIS_REGISTER_SPL + 4;
}

uint64_t read_register(struct attempt *attempt, ZydisRegister which)
{
    bool high;

    switch (ZydisRegisterGetClass(which)) {
    case ZYDIS_REGCLASS_GPR8: {
        uint64_t value = *get_register(attempt, find_byte(which, &high));

        return (high ? value >> 8 : value) & 0xFF;
    }
    case ZYDIS_REGCLASS_GPR16: return *get_register(attempt, (unsigned)ZydisRegisterGetId(which)) & 0xFFFF;
    case ZYDIS_REGCLASS_GPR32: return *get_register(attempt, (unsigned)ZydisRegisterGetId(which)) & 0xFFFFFFFF;
    case ZYDIS_REGCLASS_GPR64: return *get_register(attempt, (unsigned)ZydisRegisterGetId(which));
    case ZYDIS_REGCLASS_IP: return attempt->registers.rip + attempt->instruction->length;
    default:
        if (which != ZYDIS_REGISTER_NONE)
            stop_attempt(attempt, EMULATED_UNKNOWN);
        return 0;
    }
}

static void write_byte(struct attempt *attempt, ZydisRegister which, uint64_t value)
{
    bool high;
    uint64_t *place = get_register(attempt, find_byte(which, &high));
    unsigned shift = high ? 8 : 0;

    *place = (*place & ~(0xFFull << shift)) | (value & 0xFF) << shift;
}

/* 32 bits clear the upper half, 8 and 16 leave the rest. SDM: 3.4.1.1 */
void write_register_operand(struct attempt *attempt, ZydisRegister which, uint64_t value)
{
    uint64_t *place = get_register(attempt, (unsigned)ZydisRegisterGetId(which));

    switch (ZydisRegisterGetClass(which)) {
    case ZYDIS_REGCLASS_GPR8: write_byte(attempt, which, value); break;
    case ZYDIS_REGCLASS_GPR16: *place = (*place & ~0xFFFFull) | (value & 0xFFFF); break;
    case ZYDIS_REGCLASS_GPR32: *place = (uint32_t)value; break;
    case ZYDIS_REGCLASS_GPR64: *place = value; break;
    default: stop_attempt(attempt, EMULATED_UNKNOWN);
    }
}

static uint64_t get_base(struct attempt *attempt, ZydisRegister segment)
{
    const struct luv_mode *mode = attempt->emulation->mode;
    bool flat = attempt->instruction->machine_mode == ZYDIS_MACHINE_MODE_LONG_64;

    switch (segment) {
    case ZYDIS_REGISTER_FS: return mode->fs_base;
    case ZYDIS_REGISTER_GS: return mode->gs_base;
    case ZYDIS_REGISTER_ES: return flat ? 0 : mode->es_base;
    case ZYDIS_REGISTER_CS: return flat ? 0 : mode->cs_base;
    case ZYDIS_REGISTER_SS: return flat ? 0 : mode->ss_base;
    default: return flat ? 0 : mode->ds_base;
    }
}

uint64_t find_linear(struct attempt *attempt, const ZydisDecodedOperand *operand)
{
    uint64_t offset = (uint64_t)(operand->mem.disp.value + attempt->shift);
    unsigned width = attempt->instruction->address_width;
    uint64_t linear;

    offset += read_register(attempt, operand->mem.base) + read_register(attempt, operand->mem.index) * operand->mem.scale;
    if (width < 64)
        offset &= (1ull << width) - 1;
    linear = get_base(attempt, operand->mem.segment) + offset;
    return attempt->instruction->machine_mode == ZYDIS_MACHINE_MODE_LONG_64 ? linear : (uint32_t)linear;
}

unsigned get_size(struct attempt *attempt, unsigned index)
{
    return attempt->operands[index].size / 8;
}

uint64_t read_operand(struct attempt *attempt, unsigned index)
{
    const ZydisDecodedOperand *operand = &attempt->operands[index];

    switch (operand->type) {
    case ZYDIS_OPERAND_TYPE_REGISTER: return read_register(attempt, operand->reg.value);
    case ZYDIS_OPERAND_TYPE_IMMEDIATE: return operand->imm.value.u;
    case ZYDIS_OPERAND_TYPE_MEMORY:
        if (operand->size <= 64)
            return read_linear(attempt, find_linear(attempt, operand), operand->size / 8);
                /* fallthrough */
    default: stop_attempt(attempt, EMULATED_UNKNOWN); return 0;
    }
}

void write_operand(struct attempt *attempt, unsigned index, uint64_t value)
{
    const ZydisDecodedOperand *operand = &attempt->operands[index];

    if (attempt->stopped)
        return;
    if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER)
        write_register_operand(attempt, operand->reg.value, value);
    else if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY && operand->size <= 64)
        write_linear(attempt, find_linear(attempt, operand), operand->size / 8, value);
    else
        stop_attempt(attempt, EMULATED_UNKNOWN);
}
