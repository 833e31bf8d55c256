/*
 * Walks the page tables of a process of dom0, with the checks of an access in ring 3: present, user, writable if asked,
 * protection keys. Every table must be in memory that dom0 may access, so nothing else is read whatever the tables contain.
 *
 * The process that runs on this CPU keeps its tables: dom0's kernel needs an interrupt here before it can free them.
 */
#pragma once

#include "core/types.h"

#define CR3_SPACE 0x000FFFFFFFFFF000ull     /* identifies a process. With KPTI, bit 12 is set in ring 3 of all of them */

struct walk {
    u64 root;
    u32 levels;
    bool write, keys;
    bool mark;                          /* accessed and dirty bits are set */
    u32 pkru;
    u64 covers;                         /* the 2 MiB that `table`, a last level, is for */
    u64 *table;
};

/* The caller's, from dom0's VMCS, which is current. */
struct walk walk_caller(bool write);
/* Another process's, which may have died: tables are only read, and may contain anything. */
struct walk walk_other(u64 cr3);

/*
 * The physical address of the page at `address`; back: how many bytes from there on, at most `size`, are contiguous, with the
 * same rights, in the same table. 0: the process could not access it. Both addresses are multiples of 4 KiB.
 */
u64 walk_span(struct walk *walk, u64 address, u64 size, u64 *physical);
