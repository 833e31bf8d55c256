#include "domu/pool.h"

#include "core/cpu.h"
#include "core/layout.h"
#include "boot/start.h"
#include "core/pages.h"
#include "boot/region.h"
#include "core/panic.h"
#include "domu/pool_label.h"

#define LOWEST MIB(16)                  /* loaders work below */
#define GAP SUPERPAGE_SIZE              /* of memory that stays dom0's, on both sides of a pool */
#define SPARE 256                       /* hidden pages of a pool besides a table for each superpage: roots, VMCSs, areas */
#define COMMON 64                       /* for the tables of domains and vCPUs, and a bitmap */
#define AREA_PAGES_MAX 2                /* pages of a CPU's XSAVE area */

struct pool pools[POOLS_MAX];
u32 pool_count;

void pools_size(const u32 *superpages, u32 count)
{
    for (u32 i = 0; i < count; i++)
        pools[i] = (struct pool){.superpages = superpages[i], .free = superpages[i], .pages = (i64)superpages[i] + SPARE};
    pool_count = count;
}

/*
 * The type of NVDIMMs: dom0's Linux makes a device file of it, and takes it for itself only if root asks for that. Never adjacent: it
 * makes one device of two adjacent ranges, and one device is one trust domain.
 */
static void pool_place(struct pool *pool)
{
    u64 size = LABEL_SIZE + pool->superpages * SUPERPAGE_SIZE;
    u64 found = region_find(size + 2 * GAP, LOWEST, region_ram_end());
    if (!found)
        boot_stop("pool", "there is no free memory of this size in one piece, by 2 MiB and with as much around it, for a pool");
    pool->base = found + GAP + LABEL_SIZE;
    region_reserve(found + GAP, found + GAP + size, RANGE_PERSISTENT);
}

/* By address, as dom0 numbers its devices. */
static void pools_sort(void)
{
    for (u32 i = 1; i < pool_count; i++)
        for (u32 j = i; j && pools[j - 1].base > pools[j].base; j--) {
            struct pool pool = pools[j];
            pools[j] = pools[j - 1];
            pools[j - 1] = pool;
        }
}

/* The last one highest: where memory is in one piece, that is the order of the command line. */
void pools_place(void)
{
    for (u32 i = pool_count; i-- > 0;)
        pool_place(&pools[i]);
    pools_sort();
}

static u32 owner_pages(const struct pool *pool)
{
    return (u32)(round_up(pool->superpages * sizeof(struct superpage), PAGE_SIZE) / PAGE_SIZE);
}

u32 pools_pages(void)
{
    u32 pages = 0;
    for (u32 i = 0; i < pool_count; i++)
        pages += (u32)pools[i].pages + owner_pages(&pools[i]);
    if (!pages)
        return 0;
    pages += COMMON + AREA_PAGES_MAX * cpu_count;
    return pages + pages / (8 * (u32)PAGE_SIZE - 1) + 1;        /* a bit for each */
}

static bool pool_init(struct pool *pool)
{
    u64 table = page_alloc(owner_pages(pool));
    if (!table)
        return false;
    pool->superpage = hv_virt(table);
    for (u32 i = 0; i < pool->superpages; i++)
        pool->superpage[i].dirty = true;
    return true;
}

bool pools_init(void)
{
    for (u32 i = 0; i < pool_count; i++)
        if (!pool_init(&pools[i]))
            return false;
    for (u32 i = 0; i < pool_count; i++)
        label_write(pools[i].base, pools[i].superpages * SUPERPAGE_SIZE);
    return true;
}

u32 pool_at(u64 physical)
{
    for (u32 i = 0; i < pool_count; i++)
        if (physical - pools[i].base < pools[i].superpages * SUPERPAGE_SIZE)
            return i;
    return POOLS_MAX;
}

struct superpage *pool_owned(const struct pool *pool, u64 physical, u32 domain)
{
    u64 number = (physical - pool->base) / SUPERPAGE_SIZE;
    if (physical < pool->base || number >= pool->superpages || pool->superpage[number].owner != domain + 1)
        return 0;
    return &pool->superpage[number];
}

u64 pool_page_alloc(struct pool *pool, u32 count)
{
    if (__atomic_sub_fetch(&pool->pages, count, __ATOMIC_RELAXED) >= 0) {
        u64 physical = page_alloc(count);
        if (physical)
            return physical;
    }
    __atomic_add_fetch(&pool->pages, count, __ATOMIC_RELAXED);
    return 0;
}

void pool_page_free(struct pool *pool, u64 physical, u32 count)
{
    page_free(physical, count);
    __atomic_add_fetch(&pool->pages, count, __ATOMIC_RELAXED);
}
