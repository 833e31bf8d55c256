/* One attempt at an instruction: shared by the modules of the emulator. */
#pragma once
#include <Zydis/Zydis.h>

#include "emulator/emulate.h"

struct attempt {
    struct emulation *emulation;
    struct kvm_regs registers;  /* a copy: committed only if the attempt is not stopped */
    uint32_t used;              /* answers so far */
    bool stopped;               /* reads return 0 and writes are ignored from here on */
    enum emulated outcome;
    const ZydisDecodedInstruction *instruction;
    const ZydisDecodedOperand *operands;
    ZydisMnemonic mnemonic;     /* what is done: the instruction's, or a part of it */
    int64_t shift;              /* of its memory operand, beside what its encoding says */
    bool jumped;                /* RIP becomes `target` */
    uint64_t target;
};

/* Stop the attempt; the first reason stands. */
static inline void stop_attempt(struct attempt *attempt, enum emulated outcome)
{
    if (!attempt->stopped)
        attempt->outcome = outcome;
    attempt->stopped = true;
}

/* Stop the attempt with an exception. */
static inline void stop_exception(struct attempt *attempt, uint8_t vector, bool has_code, uint32_t code)
{
    if (attempt->stopped)
        return;
    attempt->emulation->fault.vector = vector;
    attempt->emulation->fault.has_code = has_code;
    attempt->emulation->fault.code = code;
    stop_attempt(attempt, EMULATED_FAULT);
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
uint64_t *get_register(struct attempt *attempt, unsigned number); /* by the encoding's number */
uint64_t read_register(struct attempt *attempt, ZydisRegister which);
void write_register_operand(struct attempt *attempt, ZydisRegister which, uint64_t value);
uint64_t find_linear(struct attempt *attempt, const ZydisDecodedOperand *operand);
uint64_t read_operand(struct attempt *attempt, unsigned index);
void write_operand(struct attempt *attempt, unsigned index, uint64_t value);
unsigned get_size(struct attempt *attempt, unsigned index);

/* decode.c: the instruction at RIP, in attempt->instruction and operands. */
bool decode(struct attempt *attempt);

/* reach.c: guest memory by linear address, RAM or device; and ports. */
uint64_t read_linear(struct attempt *attempt, uint64_t linear, unsigned size);
void write_linear(struct attempt *attempt, uint64_t linear, unsigned size, uint64_t value);
uint64_t access_port(struct attempt *attempt, uint16_t port, unsigned size, bool write, uint64_t value);
bool fetch(struct attempt *attempt);

/* arithmetic.c: results and flags. SDM: appendix A of volume 1 */
bool do_arithmetic(struct attempt *attempt);
void set_flags(struct attempt *attempt, uint64_t mask, uint64_t flags);
uint64_t set_logic(struct attempt *attempt, uint64_t result,
                   unsigned size); /* ZF, SF, PF by the result, the others 0; returns it */

/* Each: false if the instruction is none of its. */
bool do_string(struct attempt *attempt);
bool do_shift(struct attempt *attempt);
bool do_product(struct attempt *attempt);
bool do_condition(struct attempt *attempt);
bool do_stack(struct attempt *attempt);
bool do_jump(struct attempt *attempt);
bool do_vector(struct attempt *attempt);
bool do_x87(struct attempt *attempt);
bool do_segment(struct attempt *attempt);
bool do_table(struct attempt *attempt);

/* flow.c: continue there, if code may be there. */
void jump_to(struct attempt *attempt, uint64_t target, bool wide, uint32_t limit);
bool is_canonical(struct attempt *attempt, uint64_t address);
/* flow.c: a value at the top of the stack; `written` of its bytes are. */
void push(struct attempt *attempt, uint64_t value, unsigned size, unsigned written);
uint64_t pop(struct attempt *attempt, unsigned size);
