/* Hypercalls by inline assembly, independent of libluvkvm. */
#pragma once
#include <stdint.h>

#include "luvalley_abi.h"

/* The result of a hypercall: 0 or -errno, and a value. */
struct result {
    int64_t status;
    uint64_t value;
};

static inline struct result call(uint32_t number, uint64_t first, uint64_t second, uint64_t third, uint64_t fourth,
                                 const uint64_t secret[2])
{
    uint64_t status = (uint64_t)LUV_HYPERCALL_MAGIC << 32 | number;
    register uint64_t r10 __asm__("r10") = fourth;
    register uint64_t r8 __asm__("r8") = secret ? secret[0] : 0;
    register uint64_t r9 __asm__("r9") = secret ? secret[1] : 0;

    __asm__ volatile("vmcall" : "+a"(status), "+d"(third) : "D"(first), "S"(second), "r"(r10), "r"(r8), "r"(r9) : "memory");
    return (struct result){(int64_t)status, third};
}

/* The token, from its file; without one the case ends. */
const uint64_t *get_token(void);
/* The hypercall `info`, of enum luv_info; its failure ends the case. */
uint64_t ask(uint32_t which);
