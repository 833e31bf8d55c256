#include "domu/pages.h"

#include "core/layout.h"
#include "domu/lock.h"
#include "core/string.h"

#define WORD 64

static struct lock lock;
static u64 first;                       /* the page of bit 0 */
static u32 count, left;
static u64 *taken;                      /* a bit for each page */
static u32 lowest;                      /* no page before it is free */

static bool is_taken(u32 page)
{
    return taken[page / WORD] >> page % WORD & 1;
}

static void mark(u32 page, u32 pages, bool take)
{
    for (u32 i = page; i < page + pages; i++)
        taken[i / WORD] ^= 1ull << i % WORD;
    left += take ? -pages : pages;
}

void pages_init(u64 physical, u32 pages)
{
    u32 books = (pages + 8 * (u32)PAGE_SIZE - 1) / (8 * (u32)PAGE_SIZE);
    taken = hv_virt(physical);
    first = physical;
    count = left = pages;
    memset(taken, 0, books * PAGE_SIZE);
    mark(0, books, true);
}

/* The first free page from here on; `count` if there is none. */
static u32 free_from(u32 page)
{
    while (page < count && is_taken(page))
        page += page % WORD == 0 && taken[page / WORD] == ~0ull ? WORD : 1;
    return page < count ? page : count;
}

static u32 run_from(u32 page, u32 most)
{
    u32 length = 0;
    while (length < most && page + length < count && !is_taken(page + length))
        length++;
    return length;
}

/* First fit. */
static u32 find(u32 pages)
{
    u32 page = lowest = free_from(lowest);
    while (page < count) {
        u32 length = run_from(page, pages);
        if (length == pages)
            return page;
        page = free_from(page + length);
    }
    return count;
}

u64 page_alloc(u32 pages)
{
    lock_acquire(&lock);
    u32 page = left < pages ? count : find(pages);
    if (page < count)
        mark(page, pages, true);
    lock_release(&lock);
    if (page == count)
        return 0;
    u64 physical = first + page * PAGE_SIZE;
    memset(hv_virt(physical), 0, pages * PAGE_SIZE);
    return physical;
}

void page_free(u64 physical, u32 pages)
{
    u32 page = (u32)((physical - first) / PAGE_SIZE);
    lock_acquire(&lock);
    mark(page, pages, false);
    lowest = page < lowest ? page : lowest;
    lock_release(&lock);
}

u32 pages_left(void)
{
    return left;
}
