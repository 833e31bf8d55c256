/*
 * Pools: memory that dom0 sees as soft reserved and offers to its VMMs as device files. Its frames of 2 MiB are what a
 * domain's memory consists of; each has one owner at a time.
 */
#pragma once

#include "domu/lock.h"
#include "core/types.h"

#define POOLS_MAX 8                     /* option_pool.asm has it too */
#define SUPERPAGE_SIZE PAGE_2M
#define SUPERPAGES_OF(bytes) ((u32)((bytes) / SUPERPAGE_SIZE))

struct frame {
    u64 pages;                          /* of 4 KiB that its owner's tables show, each as often as they do */
    u16 vcpu_areas;                         /* vCPUs' blocks in it */
    u8 owner;                           /* the domain's index + 1, 0: nobody */
    bool dirty;                         /* somebody's data are in it, or what the boot left */
};

struct pool {
    struct lock lock;                   /* for owners */
    u64 base;
    u32 frames, free;
    struct frame *frame;
    u32 next;                           /* where the search for a free one goes on */
    i64 pages;                          /* hidden pages that its domains may still take: no pool starves another */
    u32 vcpus;                          /* that its domains have: the same */
};

extern struct pool pools[POOLS_MAX];
extern u32 pool_count;

/* In the boot world: how many frames each has; then where: as high as so much memory is free. */
void pools_size(const u32 *frames, u32 count);
void pools_place(void);
/* Hidden pages that all want, 0 without pools; and the books, once there are such pages. */
u32 pools_pages(void);
bool pools_init(void);

/* The pool that a physical address lies in, or POOLS_MAX. */
u32 pool_at(u64 physical);
/* The frame that it lies in, if the domain of that index owns it; else 0. */
struct frame *pool_owned(const struct pool *pool, u64 physical, u32 domain);

/* Hidden pages on a pool's account. */
u64 pool_page_alloc(struct pool *pool, u32 count);
void pool_page_free(struct pool *pool, u64 physical, u32 count);
