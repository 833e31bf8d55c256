#include "vmx/nested_paging.h"

/* SDM: 29.3.2 */
#define LEAF (1ull << 7)
#define TYPE_SHIFT 3
#define ADDRESS 0x000FFFFFFFFFF000ull
#define ENTRIES 512
#define ADDRESS_END (1ull << 48)

static u64 level_size(u32 level)
{
    return 1ull << (12 + 9 * (level - 1));
}

static const struct memory_rule *rule_find(const struct memory_map *map, u64 gpa, struct ept_range *r)
{
    const struct memory_rule *rule = map->rules;
    for (u32 i = 0; i < map->rule_count; i++, rule++) {
        const struct region *region = &map->regions[rule->region];
        if (rule->region == REGION_EVERYTHING || (gpa >= region->lo && gpa < region->hi)) {
            if (rule->region != REGION_EVERYTHING) {
                r->lo = max(r->lo, region->lo);
                r->hi = min(r->hi, region->hi);
            }
            return rule;
        }
        /* An earlier rule's region that does not hold gpa bounds the range. */
        if (gpa < region->lo && region->lo < region->hi)
            r->hi = min(r->hi, region->lo);
        else if (gpa >= region->hi)
            r->lo = max(r->lo, region->hi);
    }
    return 0;
}

struct ept_range ept_range(const struct memory_map *map, u64 gpa)
{
    struct ept_range r = {.lo = 0, .hi = ADDRESS_END};
    const struct memory_rule *rule = rule_find(map, gpa, &r);
    r.what = rule ? rule->what : MEMORY_HIDE;
    r.rights = rule ? rule->rights : 0;
    r.type = TYPE_WB;
    if (r.what == MEMORY_HIDE)
        return r;
    if (r.what == MEMORY_ALIAS)
        r.shift = map->regions[rule->region].lo - rule->onto;
    struct typed_range typed = mtrr_range(&map->mtrrs, gpa - r.shift);     /* the type is the frame's */
    r.lo = max(r.lo, typed.lo + r.shift);
    r.hi = min(r.hi, typed.hi > ~r.shift ? ~0ull : typed.hi + r.shift);
    r.type = typed.type;
    return r;
}

static u64 frame_of(const struct memory_map *map, const struct ept_range *r, u64 gpa)
{
    if (r->what == MEMORY_HIDE)
        return map->ones_page;
    return gpa - r->shift;
}

static u64 *table_alloc(struct ept *ept, u64 *entry)
{
    if (ept->used == ept->pages)
        return 0;
    u64 address = ept->pool + PAGE_SIZE * ept->used++;
    u64 *table = ept_table(address);
    for (u32 i = 0; i < ENTRIES; i++)
        table[i] = 0;
    if (entry)
        *entry = address | EPT_RIGHTS;
    return table;
}

void ept_reset(struct ept *ept)
{
    ept->used = 0;
    ept->resets++;
    table_alloc(ept, 0);
}

static u64 *entry_at(u64 *table, u64 gpa, u32 level)
{
    return &table[gpa / level_size(level) % ENTRIES];
}

static bool leaf_fits(const struct memory_map *map, const struct ept_range *r, u64 gpa, u32 level)
{
    u64 size = level_size(level), lo = round_down(gpa, size);
    if (level == 1)
        return true;
    if (level > (map->page_1g ? 3 : 2) || r->what == MEMORY_HIDE || r->what == MEMORY_ALIAS)
        return false;
    return lo >= r->lo && lo + size <= r->hi;
}

/* Every absent entry of this table that lies whole in the range. */
static void leaves_fill(u64 *table, const struct memory_map *map, const struct ept_range *r, u64 gpa, u32 level)
{
    u64 size = level_size(level), start = round_down(gpa, size * ENTRIES);
    u64 lo = max(start, round_up(r->lo, size)), hi = min(start + size * ENTRIES, round_down(r->hi, size));
    u64 flags = r->rights | (u64)r->type << TYPE_SHIFT | (level > 1 ? LEAF : 0);
    for (u64 at = lo; at < hi; at += size) {
        u64 *entry = entry_at(table, at, level);
        if (!*entry)
            *entry = frame_of(map, r, at) | flags;
    }
}

bool ept_fill(struct ept *ept, const struct memory_map *map, u64 gpa)
{
    if (gpa >= ADDRESS_END)             /* a fifth level would be needed */
        return false;
    struct ept_range r = ept_range(map, gpa);
    u64 *table = ept_table(ept->pool);
    for (u32 level = 4;; level--) {
        u64 *entry = entry_at(table, gpa, level);
        bool is_table = level > 1 && *entry && !(*entry & LEAF);
        if (!is_table && leaf_fits(map, &r, gpa, level)) {
            leaves_fill(table, map, &r, gpa, level);
            return true;
        }
        table = is_table ? ept_table(*entry & ADDRESS) : table_alloc(ept, entry);
        if (!table)
            return false;
    }
}

bool ept_point(struct ept *ept, u64 gpa, u64 frame, u32 rights, u32 type)
{
    u64 *table = ept_table(ept->pool), *entry;
    for (u32 level = 4; level > 1; level--) {
        entry = entry_at(table, gpa, level);
        if (!*entry || *entry & LEAF)
            return false;
        table = ept_table(*entry & ADDRESS);
    }
    *entry_at(table, gpa, 1) = frame | rights | (u64)type << TYPE_SHIFT;
    return true;
}
