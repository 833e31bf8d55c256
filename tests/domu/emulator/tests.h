/* What the processor cannot be asked in a process: jumps and segments. Each ends the program where something is wrong. */
#pragma once
#include "emulator/emulate.h"

extern uint8_t *device, *ram;
extern const struct luv_mode mode; /* of 64-bit code in the kernel */

/* To its end; device accesses are done on the device's page. */
enum emulated play(struct emulation *emulation);

void test_jumps(void);
void test_segments(void);
