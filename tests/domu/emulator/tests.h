/* Emulation of jumps and segment loads, which a process cannot execute natively. Each test ends the program if it fails. */
#pragma once
#include "emulator/emulate.h"

extern uint8_t *device, *ram;
extern const struct luv_mode mode; /* of 64-bit code in the kernel */

/* Emulate one instruction completely; device accesses go to the device's page. */
enum emulated run_with_memory(struct emulation *emulation);

void test_jumps(void);
void test_segments(void);
void test_stack(void);
