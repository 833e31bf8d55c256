/* The library's tests below its ioctls. */
#pragma once

#include <stdint.h>

#include "luvalley_abi.h"

void test_memory(void);
void test_running(void);
void test_tasks(void);

/* running.c: a guest in real mode from START on, with its memory; whose first exit is `what`. KVM_RUN returns at the next that is the VMM's. */
#define START 0x1000u
extern uint8_t *memory;
extern struct luv_run seen; /* the run page when the guest was entered last */
void start(uint32_t (*what)(struct luv_run *), uint64_t rax, uint64_t rflags);
