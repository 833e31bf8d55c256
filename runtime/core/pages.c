#include "core/pages.h"

#include "core/layout.h"
#include "core/lock.h"
#include "core/string.h"

#define WORD 64

static struct lock lock;
static u64 first;                       /* the page of bit 0 */
static u32 count, left;
static u64 *used;                       /* a bit for each page */
static u32 lowest;                      /* no page before it is free */

static bool is_used(u32 page)
{
    return used[page / WORD] >> page % WORD & 1;
}

static void mark(u32 page, u32 pages, bool use)
{
    for (u32 i = page; i < page + pages; i++)
        used[i / WORD] ^= 1ull << i % WORD;
    left += use ? -pages : pages;
}

void pages_init(u64 physical, u32 pages)
{
    u32 bitmap_pages = (pages + 8 * (u32)PAGE_SIZE - 1) / (8 * (u32)PAGE_SIZE);
    used = hv_virt(physical);
    first = physical;
    count = left = pages;
    memset(used, 0, bitmap_pages * PAGE_SIZE);
    mark(0, bitmap_pages, true);
}

/* The first free page from here on; `count` if there is none. */
static u32 free_from(u32 page)
{
    while (page < count && is_used(page))
        page += page % WORD == 0 && used[page / WORD] == ~0ull ? WORD : 1;
    return page < count ? page : count;
}

static u32 run_from(u32 page, u32 max_pages)
{
    u32 length = 0;
    while (length < max_pages && page + length < count && !is_used(page + length))
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
