#pragma once

#include "domu/pool.h"
#include "core/types.h"

/* What the 32-bit code hands over: the loader's words, and the command line's. options.asm has the same. */
struct boot_request {
    u32 magic, info;
    u8 drive, partition;                /* the BIOS's number; 0: the disk's own boot record */
    u8 apic_watch, log_serial;
    u32 pool_count, pool_frames[POOLS_MAX];
};

/* Into the final address space, on a fresh stack. */
__attribute__((noreturn)) void switch_page_tables(u64 cr3, void *stack, void (*to)(u64), u64 argument);
