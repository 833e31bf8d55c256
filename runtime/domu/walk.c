#include "domu/walk.h"

#include "generated/x86/x86.h"
#include "core/host.h"
#include "core/layout.h"
#include "domu/pool.h"
#include "boot/region.h"
#include "vmx/state.h"

#define ENTRIES 512
#define TRIES 16                        /* dom0's other CPUs may change an entry meanwhile */

/* Bits that must be equal in all entries of one span. The rest is caching, and for software. */
#define SAME                                                                                                 \
    (PAGE_ENTRY_PRESENT | PAGE_ENTRY_USER | PAGE_ENTRY_WRITE | PAGE_ENTRY_ACCESSED | PAGE_ENTRY_FRAME_MASK | \
     PAGE_ENTRY_PROTECTION_KEY_MASK)

struct walk walk_caller(bool write)
{
    u64 cr4 = guest_cr4();
    bool keys = cr4 & CR4_PKE;
    return (struct walk){
        .root = guest_cr3() & CR3_SPACE,
        .levels = cr4 & CR4_LA57 ? 5 : 4,
        .write = write,
        .keys = keys,
        .mark = true,
        .pkru = keys ? host_rdpkru() : 0,
    };
}

struct walk walk_other(u64 cr3)
{
    return (struct walk){.root = cr3 & CR3_SPACE, .levels = guest_cr4() & CR4_LA57 ? 5 : 4};
}

static u64 level_size(u32 level)
{
    return 1ull << (12 + 9 * (level - 1));
}

static bool is_canonical(const struct walk *walk, u64 address)
{
    u32 unused = 64 - 12 - 9 * walk->levels;
    return (u64)((i64)(address << unused) >> unused) == address;
}

static u64 *table_at(u64 physical)
{
    bool ram = region_is_ram(physical, physical + PAGE_SIZE) || pool_at(physical) != POOLS_MAX;
    return ram ? phys(physical) : 0;
}

static bool is_leaf(u64 entry, u32 level)
{
    return level == 1 || entry & PAGE_ENTRY_PAGE_SIZE;
}

static bool permits(const struct walk *walk, u64 entry)
{
    u64 wanted = PAGE_ENTRY_PRESENT | PAGE_ENTRY_USER | (walk->write ? PAGE_ENTRY_WRITE : 0);
    return (entry & wanted) == wanted;
}

/* SDM: 4.6.2 */
static bool key_permits(const struct walk *walk, u64 leaf)
{
    u32 key = (leaf & PAGE_ENTRY_PROTECTION_KEY_MASK) >> PAGE_ENTRY_PROTECTION_KEY_SHIFT;
    u32 denied = walk->keys ? walk->pkru >> 2 * key : 0;
    return !(denied & 1) && !(walk->write && denied & 2);
}

/* Only 2 MiB and 1 GiB pages exist, with zeros below the frame but for the PAT bit. SDM: tables 4-16, 4-18 */
static bool is_sound(u64 entry, u32 level)
{
    if (level == 1 || !(entry & PAGE_ENTRY_PAGE_SIZE))
        return true;
    return level <= 3 && !(entry & (level_size(level) - 1) & ~(2 * PAGE_SIZE - 1));
}

static u64 marks_of(const struct walk *walk, u64 entry, u32 level)
{
    u64 dirty = is_leaf(entry, level) && walk->write ? PAGE_ENTRY_DIRTY : 0;
    return walk->mark ? PAGE_ENTRY_ACCESSED | dirty : 0;
}

/* The entry after an access, or 0. Rights are checked and bits set in one atomic step, as a processor does it. */
static u64 entry_use(const struct walk *walk, u64 *entry, u32 level)
{
    u64 value = __atomic_load_n(entry, __ATOMIC_RELAXED);
    for (u32 i = 0; i < TRIES; i++) {
        if (!permits(walk, value) || !is_sound(value, level) || (is_leaf(value, level) && !key_permits(walk, value)))
            return 0;
        u64 marked = value | marks_of(walk, value, level);
        if (marked == value || __atomic_compare_exchange_n(entry, &value, marked, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
            return marked;
    }
    return 0;
}

/* One page, and those that follow it contiguously with the same rights. */
static u64 pages_span(const struct walk *walk, u64 address, u64 size, u64 *physical)
{
    u64 *entry = &walk->table[address / PAGE_SIZE % ENTRIES], first = entry_use(walk, entry, 1);
    if (!first)
        return 0;
    u64 same = SAME | (walk->write ? PAGE_ENTRY_DIRTY : 0);
    u64 most = min(size / PAGE_SIZE, ENTRIES - address / PAGE_SIZE % ENTRIES), pages = 1;
    while (pages < most && !((entry[pages] ^ (first + pages * PAGE_SIZE)) & same))
        pages++;
    *physical = first & PAGE_ENTRY_FRAME_MASK;
    return pages * PAGE_SIZE;
}

static u64 leaf_span(u64 leaf, u32 level, u64 address, u64 size, u64 *physical)
{
    u64 offset = address & (level_size(level) - 1);
    *physical = (leaf & PAGE_ENTRY_FRAME_MASK & ~(level_size(level) - 1)) + offset;
    return min(size, level_size(level) - offset);
}

u64 walk_span(struct walk *walk, u64 address, u64 size, u64 *physical)
{
    if (walk->table && round_down(address, PAGE_2M) == walk->covers)
        return pages_span(walk, address, size, physical);
    if (!is_canonical(walk, address))
        return 0;
    u64 entry = walk->root;
    for (u32 level = walk->levels; level > 1; level--) {
        u64 *table = table_at(entry & PAGE_ENTRY_FRAME_MASK);
        entry = table ? entry_use(walk, &table[address / level_size(level) % ENTRIES], level) : 0;
        if (!entry)
            return 0;
        if (is_leaf(entry, level))
            return leaf_span(entry, level, address, size, physical);
    }
    walk->table = table_at(entry & PAGE_ENTRY_FRAME_MASK);
    walk->covers = round_down(address, PAGE_2M);
    return walk->table ? pages_span(walk, address, size, physical) : 0;
}
