/*
 * Guest-physical memory, filled lazily, plain C that also compiles for a test on the host.
 *
 * Each CPU has tables of its own. So no lock, no other CPU's cached table to think of, and everything may be thrown
 * away and filled again at any exit: after MTRRs or A20 changed, or when the pool of tables has run out.
 */
#pragma once

#include "generated/regions.h"
#include "core/mtrr.h"
#include "core/types.h"

/* A rule of the spec's memory block; the first that matches counts. Made by the compiler. */
enum memory_what { MEMORY_HIDE, MEMORY_WATCH, MEMORY_ALIAS, MEMORY_MAP };

struct memory_rule {
    u8 what, rights, region;
    u64 onto;               /* an alias shows what lies there */
};

/* Rights are EPT's own bits. SDM: 29.3.2 */
#define EPT_READ 1u
#define EPT_WRITE 2u
#define EPT_EXECUTE 4u
#define EPT_RIGHTS 7u

/* Where a region is now; empty (lo == hi) while its rule sleeps. */
struct region {
    u64 lo, hi;
};

struct memory_map {
    const struct memory_rule *rules;
    u32 rule_count;
    struct region regions[REGION_COUNT];
    u64 ones_page;          /* what hidden pages show */
    bool page_1g;           /* the processor has 1 GiB leaves */
    struct mtrrs mtrrs;
};

/* The widest range around an address that one rule and one memory type cover. */
struct ept_range {
    u64 lo, hi;
    u64 shift;              /* guest-physical less physical: 0 but in an alias */
    u8 what, rights, type;
};

struct ept {
    u64 pool;               /* physical address of its table pages; the first is the root */
    u32 pages, used;
    u32 resets;
};

/* A table's virtual address; the test on the host has its own. */
u64 *ept_table(u64 physical);

struct ept_range ept_range(const struct memory_map *map, u64 gpa);

/* Empties it. INVEPT is the caller's. */
void ept_reset(struct ept *ept);

/* Maps the largest page that may hold gpa, and everything alike in the same table. False: the pool is empty. */
bool ept_fill(struct ept *ept, const struct memory_map *map, u64 gpa);

/* Points the 4 KiB page at gpa, which ept_fill has put in a last-level table, to another frame. False: not there. */
bool ept_point(struct ept *ept, u64 gpa, u64 frame, u32 rights, u32 type);
