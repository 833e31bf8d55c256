/*
 * The page tables of a process of dom0, walked as its own accesses in ring 3 would be: present, user, writable if asked,
 * protection keys. Every table must be memory that dom0 may touch, so whatever the tables say, nothing else is read.
 *
 * Of the process that runs on this CPU: dom0's kernel cannot free its tables meanwhile, for that takes an interrupt here.
 */
#pragma once

#include "core/types.h"

#define CR3_SPACE 0x000FFFFFFFFFF000ull     /* what tells processes apart. With KPTI, ring 3 has bit 12 set in all of them */

struct walk {
    u64 root;
    u32 levels;
    bool write, keys;
    bool mark;                          /* sets accessed and dirty bits */
    u32 pkru;
    u64 covers;                         /* the 2 MiB that `table`, a last level, is for */
    u64 *table;
};

/* The caller's own, from the current VMCS, dom0's. */
struct walk walk_caller(bool write);
/* Another process's, which may have died: only read, and what is found proves nothing but itself. */
struct walk walk_other(u64 cr3);

/*
 * Where the page at `address` is, and how many bytes from there on, at most `size`, are so in one piece by the same
 * table with the same rights; 0: the process could not access it. Both addresses are multiples of 4 KiB.
 */
u64 walk_span(struct walk *walk, u64 address, u64 size, u64 *physical);
