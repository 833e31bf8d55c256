/*
 * A domain's memory: superpages of a pool, and the nested paging by which its guest sees them. Under the domain's lock. Nothing
 * here gets more when it runs out: that is domain.c's.
 */
#pragma once

#include "domu/domu.h"

/* ---- memory.c */

/* The calls of these names in spec/hypercalls.luv, with ENOMEM where a dead domain might have what is missing. */
struct answer memory_claim(struct domain *domain, u64 hint);
struct answer memory_map_range(struct domain *domain, u64 guest, u64 address, u64 size_and_rights);
struct answer memory_unmap_range(struct domain *domain, u64 guest, u64 size);
struct answer memory_collect_dirty(struct domain *domain, u64 guest, u32 pages);

/* No CPU uses what was removed from the tables before. */
bool memory_is_flushed(const struct domain *domain);
/* Frees some superpages of a domain that no CPU uses any more; true: all are free. */
bool memory_free(struct domain *domain);

/* ---- tables.c. Tables stay until the domain ends; a processor may read an entry, and set its dirty bit, at any time. */

#define GUEST_END (1ull << 48)          /* four levels */

/* Allocates the root. False: there is no page. */
bool tables_init(struct domain *domain);

/* What is at an address: the entry that maps it, or the highest one that is absent, and how much that entry stands for. */
struct place {
    u64 *entry, value;                  /* as it was when it was read */
    u32 level;
    u64 size;
};
struct place tables_find(const struct domain *domain, u64 guest);

/* Maps a piece of one superpage of the domain, within one 2 MiB of the guest; *done grows. An errno: EEXIST, ENOMEM. */
u32 tables_map(struct domain *domain, u64 guest, u64 physical, u64 size, u32 rights, u64 *done);
/* Removes what the place maps of [guest, end), at most to the end of its 2 MiB; a large entry of more is split. ENOMEM. */
u32 tables_clear(struct domain *domain, const struct place *place, u64 guest, u64 end, bool *cleared);
/*
 * Collects and clears the dirty bits of up to 64 pages within one 2 MiB of the guest. A large entry that is dirty becomes a
 * table of pages, so that from then on each page has its own bit. ENOMEM.
 */
u32 tables_collect_dirty(struct domain *domain, u64 guest, u32 pages, u64 *dirty);
/* Frees at most `budget` tables, which no CPU uses any more; true: all are free. */
bool tables_free(struct domain *domain, u32 budget);
