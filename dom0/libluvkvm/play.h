/* One playing of an instruction: shared by the modules of the emulator. */
#pragma once
#include <Zydis/Zydis.h>

#include "emulate.h"

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
};

/* Stop the play; the first reason stands. */
static inline void stop_play(struct play *play, enum emulated outcome)
{
	if (!play->stopped)
		play->outcome = outcome;
	play->stopped = true;
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

/* strings.c */
bool do_string(struct play *play);
