/*
 * A domain's EPT: what its guests see of its frames. Under the domain's lock. Tables stay until the domain ends; a
 * processor may look at an entry at any time, and set its accessed and dirty bits.
 */
#pragma once

#include "domu/domu.h"

#define GUEST_END (1ull << 48)          /* four levels */

/* The root, and whether dirty bits can be had. False: there is no page. */
bool tables_init(struct domain *domain);
bool tables_have_dirty(void);

/* What is at an address: the entry that maps it, or the highest one that leads nowhere; and how far that goes. */
struct place {
    u64 *entry, value;                  /* and what it was when it was looked at */
    u32 level;
    u64 size;                           /* of what the entry stands for */
};
struct place tables_find(const struct domain *domain, u64 guest);

/* What guests see at an address, in the direct map, up to the page's end; 0: nothing. For who holds a vCPU of the domain. */
const void *tables_read(const struct domain *domain, u64 guest);

/* A piece of one frame that is the domain's, to within one 2 MiB of the guest's; *done grows. An errno: EEXIST, ENOMEM. */
u32 tables_map(struct domain *domain, u64 guest, u64 physical, u64 size, u32 rights, u64 *done);
/* Takes out what the place maps of [guest, end), at most to the end of its 2 MiB; a large leaf of more is split. ENOMEM. */
u32 tables_clear(struct domain *domain, const struct place *place, u64 guest, u64 end, bool *cleared);
/*
 * Which of up to 64 pages of one 2 MiB of the guest's were marked dirty, a bit each; no longer. A large leaf that was becomes
 * a table of pages first, for from then on each has a mark of its own. ENOMEM.
 */
u32 tables_collect_dirty(struct domain *domain, u64 guest, u32 pages, u64 *dirty);
/* Gives back at most so many tables; true: all are gone. No CPU uses them any more. */
bool tables_free(struct domain *domain, u32 most);
