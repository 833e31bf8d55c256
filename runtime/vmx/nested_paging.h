/*
 * dom0's guest-physical memory: EPT tables that are filled on demand. Plain C, which also compiles for a test on the host.
 *
 * Each CPU has its own tables. So there is no lock and no shootdown, and all of them may be dropped and filled again at any
 * exit: after the MTRRs or A20 changed, or when the pages for tables have run out.
 */
#pragma once

#include "generated/vmx/fields.h"
#include "generated/x86/regions.h"
#include "generated/x86/x86.h"
#include "core/mtrr.h"
#include "core/types.h"

/* A rule of the spec's memory block; the first that matches counts. Made by the compiler. */
enum memory_what { MEMORY_HIDE, MEMORY_WATCH, MEMORY_ALIAS, MEMORY_MAP };

struct memory_rule {
    u8 what, rights, region;
    u64 onto;               /* where an alias leads */
};

/* An entry of the tables: the bits that code outside this folder may use. SDM: 29.3.2 */
#define NESTED_READ EPT_ENTRY_READ
#define NESTED_WRITE EPT_ENTRY_WRITE
#define NESTED_EXECUTE EPT_ENTRY_EXECUTE
#define NESTED_RIGHTS (EPT_ENTRY_READ | EPT_ENTRY_WRITE | EPT_ENTRY_EXECUTE)
#define NESTED_LARGE EPT_ENTRY_PAGE
#define NESTED_DIRTY EPT_ENTRY_DIRTY
#define NESTED_FRAME_MASK EPT_ENTRY_FRAME_MASK
/* WB whatever the guest's PAT says, as dom0 and the page's next owner have it. SDM: 29.3.7 */
#define NESTED_FORCE_WB (EPT_ENTRY_MEMORY_TYPE_WB << EPT_ENTRY_MEMORY_TYPE_SHIFT | EPT_ENTRY_IGNORE_PAT)
#define NESTED_LEVELS 4

/* How a VMCS points to tables with this root, which are WB; the processor may be asked to set dirty bits. SDM: 25.6.11 */

static inline u64 nested_pointer(u64 root, bool dirty)
{
    return root | EPT_ENTRY_MEMORY_TYPE_WB | (NESTED_LEVELS - 1) << EPT_POINTER_WALK_LENGTH_MINUS_ONE_SHIFT |
        (dirty ? EPT_POINTER_ACCESSED_DIRTY : 0);
}

/* Where a region is now; empty (lo == hi) while its rule is off. */
struct region {
    u64 lo, hi;
};

/* Where each is at first, from the spec; the runtime places those that are empty here. */
extern const struct region region_places[REGION_COUNT];

struct memory_map {
    const struct memory_rule *rules;
    u32 rule_count;
    struct region regions[REGION_COUNT];
    u64 ones_page;          /* what hidden pages read as */
    bool page_1g;           /* the processor has 1 GiB pages */
    struct mtrrs mtrrs;
};

/* The widest range around an address that one rule and one memory type cover. */
struct nested_range {
    u64 lo, hi;
    u64 shift;              /* guest-physical less physical: 0 but in an alias */
    u8 what, rights, type;
};

struct nested_tables {
    u64 pool;               /* physical address of its table pages; the first is the root */
    u32 pages, used;
    u32 resets;
};

/* A table's virtual address; the test on the host has its own. */
u64 *nested_table(u64 physical);

struct nested_range nested_range(const struct memory_map *map, u64 gpa);
/* The physical page that the range maps gpa to. */
u64 nested_frame(const struct memory_map *map, const struct nested_range *r, u64 gpa);

/* Drops all tables; the caller flushes the TLB. */
void nested_reset(struct nested_tables *nested);

/* Maps the largest page that may hold gpa, and what the same range covers of its table. False: no page is left for a table. */
bool nested_fill(struct nested_tables *nested, const struct memory_map *map, u64 gpa);

/* Points the 4 KiB page at gpa, which ept_fill has put in a last-level table, to another frame. False: not there. */
bool nested_point(struct nested_tables *nested, u64 gpa, u64 frame, u32 rights, u32 type);
