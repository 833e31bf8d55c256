/* One hypercall. ABI.md has the conventions. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct hypercall {
    uint64_t rax, rdi, rsi, rdx, r10, secret[2]; /* magic and number; arguments */
};

/* 0 or -errno; `value` is what RDX has. A test puts its own hypervisor here. */
extern int64_t (*luv_hypercall)(const struct hypercall *call, uint64_t *value);

/* The same until it is done: for calls of which each does a part (EAGAIN). */
int64_t hypercall_until_done(const struct hypercall *call, uint64_t *value);

struct hypercall make_hypercall(uint32_t number, const uint64_t secret[2]);

/* Does Luvalley run this machine? Only then may luv_hypercall be used: elsewhere VMCALL is #UD. */
bool is_luvalley_present(void);

/* Read the token, which some calls want instead of a domain's secret; 0, or -errno with a line in the log that says what to do. */
int load_token(void);
extern uint64_t luv_token[2];

/* info(which), of enum luv_info; 0 if it is not known there. */
uint64_t get_info(uint32_t which);
