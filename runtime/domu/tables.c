/* A domain's nested paging: four levels, entries of 4 KiB and 2 MiB. Under the domain's lock. */
#include "domu/memory.h"

#include "core/layout.h"
#include "domu/pool.h"

#define ENTRIES 512
#define LARGE_LEVEL 2
#define PAGES_OF_LARGE (PAGE_2M / PAGE_SIZE)

static u64 level_size(u32 level)
{
    return 1ull << (12 + 9 * (level - 1));
}

static u64 *table_of(u64 entry)
{
    return hv_virt(entry & NESTED_FRAME_MASK);
}

static u64 *entry_at(u64 *table, u64 guest, u32 level)
{
    return &table[guest / level_size(level) % ENTRIES];
}

static bool is_leaf(u64 entry, u32 level)
{
    return level == 1 || entry & NESTED_LARGE;
}

static struct pool *pool_of(const struct domain *domain)
{
    return &pools[domain->pool];
}

bool tables_init(struct domain *domain)
{
    domain->root = pool_page_alloc(pool_of(domain), 1);
    domain->nested_pointer = nested_pointer(domain->root, nested_has_dirty());
    return domain->root;
}

struct place tables_find(const struct domain *domain, u64 guest)
{
    u64 *table = hv_virt(domain->root);
    for (u32 level = NESTED_LEVELS;; level--) {
        u64 *entry = entry_at(table, guest, level), value = __atomic_load_n(entry, __ATOMIC_RELAXED);
        if (!value || is_leaf(value, level))
            return (struct place){entry, value, level, level_size(level)};
        table = table_of(value);
    }
}

static bool table_make(struct domain *domain, u64 *entry)
{
    u64 page = pool_page_alloc(pool_of(domain), 1);
    if (page)
        *entry = page | NESTED_READ | NESTED_WRITE | NESTED_EXECUTE;
    return page;
}

/* Down to an absent entry of this level. */
static u32 descend(struct domain *domain, u64 guest, u32 level, u64 **found)
{
    for (;;) {
        struct place place = tables_find(domain, guest);
        if (place.value)
            return EEXIST;
        *found = place.entry;
        if (place.level <= level)
            return 0;
        if (!table_make(domain, place.entry))
            return ENOMEM;
    }
}

static u32 large_map(struct domain *domain, u64 guest, u64 leaf, struct superpage *superpage, u64 *done)
{
    u64 *entry;
    u32 error = descend(domain, guest, LARGE_LEVEL, &entry);
    if (error)
        return error;
    *entry = leaf | NESTED_LARGE;
    superpage->pages += PAGES_OF_LARGE;
    *done += PAGE_2M;
    return 0;
}

static u32 pages_map(struct domain *domain, u64 guest, u64 leaf, u64 size, struct superpage *superpage, u64 *done)
{
    u64 *entry;
    u32 error = descend(domain, guest, 1, &entry);
    for (u64 at = 0; !error && at < size; at += PAGE_SIZE, entry++) {
        if (*entry)
            return EEXIST;
        *entry = leaf + at;
        superpage->pages++;
        *done += PAGE_SIZE;
    }
    return error;
}

/* A piece of this size is a whole superpage, at 2 MiB of the guest's. A table of pages that is there already stays. */
static bool is_large(const struct domain *domain, u64 guest, u64 size)
{
    return size == PAGE_2M && tables_find(domain, guest).level >= LARGE_LEVEL;
}

u32 tables_map(struct domain *domain, u64 guest, u64 physical, u64 size, u32 rights, u64 *done)
{
    struct superpage *superpage = pool_owned(pool_of(domain), physical, domain->index);
    u64 leaf = physical | rights | NESTED_FORCE_WB;
    if (is_large(domain, guest, size))
        return large_map(domain, guest, leaf, superpage, done);
    return pages_map(domain, guest, leaf, size, superpage, done);
}

static struct superpage *superpage_of(struct domain *domain, u64 leaf)
{
    return pool_owned(pool_of(domain), leaf & NESTED_FRAME_MASK, domain->index);
}

/* A table that maps what the large entry mapped. A processor may set the dirty bit until the moment of the exchange. */
static u32 split(struct domain *domain, u64 *entry)
{
    u64 page = pool_page_alloc(pool_of(domain), 1), leaf = *entry & ~(u64)(NESTED_LARGE | NESTED_DIRTY);
    if (!page)
        return ENOMEM;
    u64 *table = hv_virt(page);
    for (u32 i = 0; i < ENTRIES; i++)
        table[i] = leaf + i * PAGE_SIZE;
    u64 to = page | NESTED_READ | NESTED_WRITE | NESTED_EXECUTE;
    u64 dirty = __atomic_exchange_n(entry, to, __ATOMIC_SEQ_CST) & NESTED_DIRTY;
    for (u32 i = 0; dirty && i < ENTRIES; i++)
        __atomic_or_fetch(&table[i], dirty, __ATOMIC_SEQ_CST);
    return 0;
}

static void pages_clear(struct domain *domain, u64 *entry, u64 pages, bool *cleared)
{
    for (u64 i = 0; i < pages; i++) {
        if (!entry[i])
            continue;
        superpage_of(domain, __atomic_exchange_n(&entry[i], 0, __ATOMIC_SEQ_CST))->pages--;
        *cleared = true;
    }
}

u32 tables_clear(struct domain *domain, const struct place *place, u64 guest, u64 end, bool *cleared)
{
    u64 *entry = place->entry;
    if (!place->value && place->level > 1)
        return 0;
    if (place->level == 1) {
        pages_clear(domain, entry, (end - guest) / PAGE_SIZE, cleared);
        return 0;
    }
    if (end - guest < place->size) {
        u32 error = split(domain, entry);
        struct place below = error ? *place : tables_find(domain, guest);
        return error ? error : tables_clear(domain, &below, guest, end, cleared);
    }
    superpage_of(domain, __atomic_exchange_n(entry, 0, __ATOMIC_SEQ_CST))->pages -= PAGES_OF_LARGE;
    *cleared = true;
    return 0;
}

static bool dirty_clear(u64 *entry)
{
    return *entry & NESTED_DIRTY && __atomic_fetch_and(entry, ~(u64)NESTED_DIRTY, __ATOMIC_SEQ_CST) & NESTED_DIRTY;
}

u32 tables_collect_dirty(struct domain *domain, u64 guest, u32 pages, u64 *dirty)
{
    struct place place = tables_find(domain, guest);
    if (place.level > 1) {
        if (!(place.value & NESTED_DIRTY))
            return 0;
        u32 error = split(domain, place.entry);
        if (error)
            return error;
        place = tables_find(domain, guest);
    }
    for (u32 i = 0; i < pages; i++)
        *dirty |= (u64)dirty_clear(&place.entry[i]) << i;
    return 0;
}

/* Frees the tables below first; entries of the last level lead to superpages, which memory.c frees. */
static bool table_free(struct domain *domain, u64 page, u32 level, u32 *budget)
{
    u64 *table = hv_virt(page);
    for (u32 i = 0; level > 1 && i < ENTRIES; i++) {
        if (table[i] && !(table[i] & NESTED_LARGE) && !table_free(domain, table[i] & NESTED_FRAME_MASK, level - 1, budget))
            return false;
        table[i] = 0;
    }
    if (!*budget)
        return false;
    (*budget)--;
    pool_page_free(pool_of(domain), page, 1);
    return true;
}

bool tables_free(struct domain *domain, u32 budget)
{
    if (!domain->root || table_free(domain, domain->root, NESTED_LEVELS, &budget))
        domain->root = 0;
    return !domain->root;
}
