/* The tests of libluvkvm on the fake hypervisor. */
#pragma once

#include <stdint.h>

#include "luvalley_abi.h"

void test_memory(void);
void test_running(void);
void test_tasks(void);
void test_msrs(void);

/* running.c: a real-mode guest at START, whose first exit is `what`. KVM_RUN returns at the next exit to the VMM. */
#define START 0x1000u
extern uint8_t *memory;
extern int vcpu;
extern struct luv_run seen; /* the run page when the guest was entered last */
void start(uint32_t (*what)(struct luv_run *), uint64_t rax, uint64_t rflags);
