/*
 * One instruction whose operand is a device's, done here: decoded by Zydis, its memory reached through the guest's own tables.
 *
 * Device accesses need the VMM, so an instruction is emulated again from its start after each answer, with the answers so far,
 * until it needs none; only then are its registers kept. Nothing is half done when an access is refused.
 */
#pragma once
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#include "luvalley_abi.h"

struct vm;

#define MAX_ANSWERS 12 /* a vector of 32 bytes, over two pages */

enum emulated {
    EMULATED_DONE,    /* registers and RIP are those after it */
    EMULATED_AGAIN,   /* one round of a repeated one is done: registers are, RIP is not */
    EMULATED_ACCESS,  /* `access` is to be answered */
    EMULATED_FAULT,   /* an exception: `fault` */
    EMULATED_UNKNOWN  /* no instruction that is known here; `bytes` has it */
};

struct device_access {
    bool memory, write;
    uint64_t address;
    uint32_t size;
    uint64_t value;
};

/* The state of `owner` that is not in the general registers. */
struct owner_state {
    uint8_t *(*get_xsave)(
        void *owner); /* XSAVE's area in its standard form, to be read and changed in place; NULL: there is none */
    void (*set_xsave)(void *owner);     /* as it is now */
    bool (*get_sregs)(void *owner, struct kvm_sregs *sregs);
    bool (*set_sregs)(void *owner, struct kvm_sregs *sregs);
};

struct emulation {
    struct vm *vm;
    const struct owner_state *owner_state; /* NULL: it cannot be read */
    void *owner;
    struct kvm_regs *registers;
    const struct luv_mode *mode;

    struct device_access access;            /* the one that waits */
    struct device_access answers[MAX_ANSWERS];
    uint32_t count;

        /* What the processor has found: a page of a device, and which accesses to it are allowed there. */
    struct {
        bool read, write;
        uint64_t page, guest;
    } known;

    struct {
        uint8_t vector;
        bool has_code;
        uint32_t code;
        uint64_t linear;
    } fault;
    uint8_t bytes[15];
    uint32_t length;
};

/* Begin with the instruction at RIP. */
void begin_emulation(struct emulation *emulation, struct vm *vm, struct kvm_regs *registers, const struct luv_mode *mode);

/* As far as it goes. */
enum emulated emulate(struct emulation *emulation);

/* The access that waited has happened; `access.value` is what was read. Then emulate again. */
void answer_emulation(struct emulation *emulation);
