#include "vmx/nested_paging.h"

#define ENTRIES 512
#define ADDRESS_END (1ull << 48)

static u64 level_size(u32 level)
{
    return 1ull << (12 + 9 * (level - 1));
}

static const struct memory_rule *rule_find(const struct memory_map *map, u64 gpa, struct nested_range *r)
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

struct nested_range nested_range(const struct memory_map *map, u64 gpa)
{
    struct nested_range r = {.lo = 0, .hi = ADDRESS_END};
    const struct memory_rule *rule = rule_find(map, gpa, &r);
    r.what = rule ? rule->what : MEMORY_HIDE;
    r.rights = rule ? rule->rights : 0;
    r.type = TYPE_WB;
    if (r.what == MEMORY_HIDE)
        return r;
    if (r.what == MEMORY_ALIAS)
        r.shift = map->regions[rule->region].lo - rule->onto;
    struct typed_range typed = mtrr_range(&map->mtrrs, gpa - r.shift);     /* that of what the alias leads to */
    r.lo = max(r.lo, typed.lo + r.shift);
    r.hi = min(r.hi, typed.hi > ~r.shift ? ~0ull : typed.hi + r.shift);
    r.type = typed.type;
    return r;
}

u64 nested_frame(const struct memory_map *map, const struct nested_range *r, u64 gpa)
{
    if (r->what == MEMORY_HIDE)
        return map->ones_page;
    return gpa - r->shift;
}

static u64 *table_alloc(struct nested_tables *nested, u64 *entry)
{
    if (nested->used == nested->pages)
        return 0;
    u64 address = nested->pool + PAGE_SIZE * nested->used++;
    u64 *table = nested_table(address);
    for (u32 i = 0; i < ENTRIES; i++)
        table[i] = 0;
    if (entry)
        *entry = address | NESTED_RIGHTS;
    return table;
}

void nested_reset(struct nested_tables *nested)
{
    nested->used = 0;
    nested->resets++;
    table_alloc(nested, 0);
}

static u64 *entry_at(u64 *table, u64 gpa, u32 level)
{
    return &table[gpa / level_size(level) % ENTRIES];
}

static bool leaf_fits(const struct memory_map *map, const struct nested_range *r, u64 gpa, u32 level)
{
    u64 size = level_size(level), lo = round_down(gpa, size);
    if (level == 1)
        return true;
    /* A step replaces one page of what may not be written, as hidden memory. */
    if (level > (map->page_1g ? 3 : 2) || !(r->rights & NESTED_WRITE) || r->what == MEMORY_ALIAS)
        return false;
    return lo >= r->lo && lo + size <= r->hi;
}

/* Fills every absent entry of this table that lies entirely in the range. */
static void leaves_fill(u64 *table, const struct memory_map *map, const struct nested_range *r, u64 gpa, u32 level)
{
    u64 size = level_size(level), start = round_down(gpa, size * ENTRIES);
    u64 lo = max(start, round_up(r->lo, size)), hi = min(start + size * ENTRIES, round_down(r->hi, size));
    u64 flags = r->rights | (u64)r->type << EPT_ENTRY_MEMORY_TYPE_SHIFT | (level > 1 ? NESTED_LARGE : 0);
    for (u64 at = lo; at < hi; at += size) {
        u64 *entry = entry_at(table, at, level);
        if (!*entry)
            *entry = nested_frame(map, r, at) | flags;
    }
}

bool nested_fill(struct nested_tables *nested, const struct memory_map *map, u64 gpa)
{
    if (gpa >= ADDRESS_END)             /* a fifth level would be needed */
        return false;
    struct nested_range r = nested_range(map, gpa);
    u64 *table = nested_table(nested->pool);
    for (u32 level = NESTED_LEVELS;; level--) {
        u64 *entry = entry_at(table, gpa, level);
        bool is_table = level > 1 && *entry && !(*entry & NESTED_LARGE);
        if (!is_table && leaf_fits(map, &r, gpa, level)) {
            leaves_fill(table, map, &r, gpa, level);
            return true;
        }
        table = is_table ? nested_table(*entry & NESTED_FRAME_MASK) : table_alloc(nested, entry);
        if (!table)
            return false;
    }
}

bool nested_point(struct nested_tables *nested, u64 gpa, u64 frame, u32 rights, u32 type)
{
    u64 *table = nested_table(nested->pool), *entry;
    for (u32 level = NESTED_LEVELS; level > 1; level--) {
        entry = entry_at(table, gpa, level);
        if (!*entry || *entry & NESTED_LARGE)
            return false;
        table = nested_table(*entry & NESTED_FRAME_MASK);
    }
    *entry_at(table, gpa, 1) = frame | rights | (u64)type << EPT_ENTRY_MEMORY_TYPE_SHIFT;
    return true;
}
