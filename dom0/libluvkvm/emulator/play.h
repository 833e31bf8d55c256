/* One playing of an instruction: shared by the modules of the emulator. */
#pragma once
#include <Zydis/Zydis.h>

#include "emulator/emulate.h"

struct play {
    struct emulation *emulation;
    struct kvm_regs registers;  /* a copy: kept only if nothing stops the play */
    uint32_t used;              /* answers so far */
    bool stopped;               /* it cannot go on: reads give 0 and writes do nothing from here */
    enum emulated outcome;
    const ZydisDecodedInstruction *instruction;
    const ZydisDecodedOperand *operands;
    ZydisMnemonic mnemonic;     /* what is done: the instruction's, or a part of it */
    int64_t shift;              /* of its memory operand, beside what its encoding says */
    bool jumped;                /* it goes on at `target` */
    uint64_t target;
};

/* Stop the play; the first reason stands. */
static inline void stop_play(struct play *play, enum emulated outcome)
{
    if (!play->stopped)
        play->outcome = outcome;
    play->stopped = true;
}

/* The play ends in an exception. */
static inline void stop_exception(struct play *play, uint8_t vector, bool has_code, uint32_t code)
{
    if (play->stopped)
        return;
    play->emulation->fault.vector = vector;
    play->emulation->fault.has_code = has_code;
    play->emulation->fault.code = code;
    stop_play(play, EMULATED_FAULT);
}

/* Values of 1, 2, 4 or 8 bytes. */
static inline uint64_t cut(uint64_t value, unsigned size)
{
    return size >= 8 ? value : value & ((1ull << size * 8) - 1);
}

static inline int64_t extend(uint64_t value, unsigned size)
{
    unsigned unused = 64 - size * 8;

    return (int64_t)(value << unused) >> unused;
}

/* operands.c: registers and memory as operands; sizes in bytes. */
uint64_t *get_register(struct play *play, unsigned number); /* by the encoding's number */
uint64_t read_register(struct play *play, ZydisRegister which);
void write_register_operand(struct play *play, ZydisRegister which, uint64_t value);
uint64_t find_linear(struct play *play, const ZydisDecodedOperand *operand);
uint64_t read_operand(struct play *play, unsigned index);
void write_operand(struct play *play, unsigned index, uint64_t value);
unsigned get_size(struct play *play, unsigned index);

/* decode.c: the instruction at RIP, in play->instruction and operands. */
bool decode(struct play *play);

/* reach.c: guest memory by linear address, RAM or device; and ports. */
uint64_t read_linear(struct play *play, uint64_t linear, unsigned size);
void write_linear(struct play *play, uint64_t linear, unsigned size, uint64_t value);
uint64_t access_port(struct play *play, uint16_t port, unsigned size, bool write, uint64_t value);
bool fetch(struct play *play);

/* arithmetic.c: results and flags. SDM: appendix A of volume 1 */
bool do_arithmetic(struct play *play);
void set_flags(struct play *play, uint64_t mask, uint64_t flags);
uint64_t set_logic(struct play *play, uint64_t result, unsigned size); /* ZF, SF, PF by the result, the others 0; returns it */

/* Each: false if the instruction is none of its. */
bool do_string(struct play *play);
bool do_shift(struct play *play);
bool do_product(struct play *play);
bool do_condition(struct play *play);
bool do_stack(struct play *play);
bool do_jump(struct play *play);
bool do_vector(struct play *play);
bool do_segment(struct play *play);

/* flow.c: go on there, if code may be there. */
void jump_to(struct play *play, uint64_t target, bool wide, uint32_t limit);
