/*
 * Pools: memory that dom0 sees as persistent memory and offers to its VMMs as device files. A domain's memory consists of their
 * superpages of 2 MiB; each has one owner at a time.
 */
#pragma once

#include "core/lock.h"
#include "core/types.h"

#define POOLS_MAX 8                     /* SIZES_MAX of boot/options.h: boot.c compares them */
#define SUPERPAGE_SIZE PAGE_2M
#define SUPERPAGES_OF(bytes) ((u32)((bytes) / SUPERPAGE_SIZE))

struct superpage {
    u64 pages;                          /* how many entries of its owner's tables map 4 KiB of it */
    u16 vcpu_areas;                     /* shared vCPU areas in it */
    u8 owner;                           /* the domain's index + 1, 0: nobody */
    bool dirty;                         /* it holds data of an earlier owner, or of the boot */
};

struct pool {
    struct lock lock;                   /* for the owners */
    u64 base;
    u32 superpages, free;
    struct superpage *superpage;        /* one for each */
    u32 next;                           /* where the search for a free one continues */
    i64 pages;                          /* hidden pages that its domains may still allocate: no pool starves another */
    u32 vcpus;                          /* that its domains have, limited for the same reason */
};

extern struct pool pools[POOLS_MAX];
extern u32 pool_count;

/* Before paging_build: how many superpages each pool has; then its place, as high as there is free memory. */
void pools_size(const u32 *superpages, u32 count);
void pools_place(void);
/* How many hidden pages all pools need, 0 without pools; and the tables of owners, once there are such pages. */
u32 pools_pages(void);
bool pools_init(void);

/* The pool that a physical address lies in, or POOLS_MAX. */
u32 pool_at(u64 physical);
/* The superpage that it lies in, if the domain of that index owns it; else 0. */
struct superpage *pool_owned(const struct pool *pool, u64 physical, u32 domain);

/* Hidden pages, charged to a pool. */
u64 pool_page_alloc(struct pool *pool, u32 count);
void pool_page_free(struct pool *pool, u64 physical, u32 count);
