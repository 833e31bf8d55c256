/* Hypercalls as root: by the port that only root may write. */
#pragma once
#include <stdint.h>
#include <sys/io.h>

#include "luvalley_abi.h"

/* Returns the status (0 or -errno) and stores the value. Each call makes the port writable: its caller may have given it up. */
static inline int64_t call_as_root(uint32_t number, uint64_t first, uint64_t second, uint64_t *value)
{
    uint64_t status = ((uint64_t)LUV_HYPERCALL_MAGIC << 32) | number, result = LUV_ROOT_PORT;
    register uint64_t fourth __asm__("r10") = 0;

    if (ioperm(LUV_ROOT_PORT, 4, 1))
        return -1;
    __asm__ volatile("outl %%eax, %%dx" : "+a"(status), "+d"(result) : "D"(first), "S"(second), "r"(fourth) : "memory");
    *value = result;
    return (int64_t)status;
}
