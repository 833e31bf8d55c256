/* A domain's memory, without a way to get more when it runs out: that is domain.c's. Under the domain's lock. */
#pragma once

#include "domu/domu.h"

/* The calls of these names in spec/hypercalls.luv, with ENOMEM where a dead domain might have what is missing. */
struct answer memory_claim(struct domain *domain, u64 hint);
struct answer memory_map_range(struct domain *domain, u64 guest, u64 address, u64 size_and_rights);
struct answer memory_unmap_range(struct domain *domain, u64 guest, u64 size);
struct answer memory_collect_dirty(struct domain *domain, u64 guest, u32 pages);

/* No CPU uses what was removed from the tables before. */
bool memory_is_flushed(const struct domain *domain);
/* Frees some superpages of a domain that no CPU uses any more; true: all are free. */
bool memory_free(struct domain *domain);
