/* nested_paging.c and mtrr.c on random memory maps: a record for each map, which Python compares with the semantics. */
#include <string.h>

#include "vmx/nested_paging.h"

#define POOL 0x100000000000ull          /* a physical address outside every map */
#define POOL_PAGES 8

/* In the order that tests/host/test_memory_proof.py reads. */
struct record {
    u64 hv_lo, hv_hi, apic_lo, apic_hi, a20_lo, a20_hi, typed_lo, typed_hi, page_1g, ones_page, gpa;
    u64 lo, hi, what, rights, size, frame, entry_rights, first, last;
};

static u64 tables[POOL_PAGES][512];
static struct memory_rule rules[8];
static u32 rule_count;
static u64 seed;

u64 *nested_table(u64 physical)
{
    return tables[(physical - POOL) / PAGE_SIZE];
}

void host_rule(u32 what, u32 rights, u32 region)
{
    rules[rule_count++] = (struct memory_rule){.what = (u8)what, .rights = (u8)rights, .region = (u8)region};
}

/* xorshift64* */
static u64 draw(void)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return seed * 0x2545F4914F6CDD1Dull;
}

static u64 draw_below(u64 end)
{
    return draw() % end;
}

/* A variable range of 2^n bytes, mostly a valid one. */
static void mtrr_draw(struct mtrrs *m, u32 i, u32 width)
{
    static const u8 types[] = {TYPE_UC, TYPE_WC, TYPE_WT, TYPE_WP, TYPE_WB};
    u64 size = PAGE_SIZE << draw_below(width - 12);
    m->base[i] = (draw_below(1ull << width) & -size) | types[draw_below(5)];
    m->mask[i] = (((1ull << width) - size) & ~(draw_below(8) ? 0 : PAGE_SIZE << draw_below(width - 12))) |
        (draw_below(8) ? 0x800 : 0);
}

static void mtrrs_draw(struct mtrrs *m)
{
    u32 width = draw_below(2) ? 36 : 39;
    *m = (struct mtrrs){.default_type = draw_below(4) ? 0xC00 : 0, .address_end = 1ull << width};
    m->default_type |= draw_below(2) ? TYPE_WB : TYPE_UC;
    for (u32 i = 0; i < MTRR_FIXED; i++)
        m->fixed[i] = draw_below(2) ? 0x0606060606060606ull : 0x0006000000060606ull;
    m->variable_count = (u32)draw_below(5);
    for (u32 i = 0; i < m->variable_count; i++)
        mtrr_draw(m, i, width);
}

/* Half of all addresses are near an edge. */
static u64 address_draw(const struct memory_map *map)
{
    u64 edges[] = {map->regions[REGION_HYPERVISOR].lo, map->regions[REGION_HYPERVISOR].hi, 0xFEE00000, MIB(1), MIB(2)};
    if (draw_below(2))
        return draw_below(map->mtrrs.address_end * 2);
    u64 beside = PAGE_SIZE << draw_below(19);
    u64 at = edges[draw_below(COUNT_OF(edges))] + (draw_below(2) ? draw_below(beside) : -draw_below(beside));
    return at & ((1ull << 48) - 1);
}

static void regions_draw(struct memory_map *map)
{
    memcpy(map->regions, region_places, sizeof(map->regions));
    u64 hv = MIB(2) * (1 + draw_below(1ull << (5 + draw_below(15))));
    map->regions[REGION_HYPERVISOR] = (struct region){hv, hv + MIB(2) * (1 + draw_below(4))};
    if (draw_below(4))
        map->regions[REGION_LOCAL_APIC] = (struct region){0xFEE00000, 0xFEE01000};
    if (draw_below(2))
        map->regions[REGION_A20_WINDOW] = (struct region){MIB(1), MIB(2)};
    map->ones_page = hv + PAGE_SIZE * draw_below(512);
    map->page_1g = draw_below(2);
}

/* Walk to the leaf that maps gpa; report it and the neighbors that were filled with it. */
static void leaf_read(const struct nested_tables *nested, struct record *r)
{
    u64 *table = nested_table(nested->pool), size = 1ull << 39, index;
    while (index = r->gpa / size % 512, size > PAGE_SIZE && table[index] && !(table[index] & 0x80)) {
        table = nested_table(table[index] & 0x000FFFFFFFFFF000ull);
        size >>= 9;
    }
    u64 lo = index, hi = index, start = r->gpa & -(size * 512);
    while (lo > 0 && table[lo - 1])
        lo--;
    while (hi < 512 && table[hi])
        hi++;
    r->size = size;
    r->frame = table[index] & 0x000FFFFFFFFFF000ull;
    r->entry_rights = table[index] & NESTED_RIGHTS;
    r->first = start + lo * size;
    r->last = start + hi * size;
}

static void record_make(struct record *r)
{
    struct memory_map map = {.rules = rules, .rule_count = rule_count};
    struct nested_tables nested = {.pool = POOL, .pages = POOL_PAGES};
    mtrrs_draw(&map.mtrrs);
    regions_draw(&map);
    r->gpa = address_draw(&map);
    struct nested_range range = nested_range(&map, r->gpa);
    struct typed_range typed = mtrr_range(&map.mtrrs, r->gpa - range.shift);
    typed.lo += range.shift;
    typed.hi = typed.hi > ~range.shift ? ~0ull : typed.hi + range.shift;
    struct region *regions = map.regions;
    nested_reset(&nested);
    nested_fill(&nested, &map, r->gpa);
    *r = (struct record){
        regions[REGION_HYPERVISOR].lo,
        regions[REGION_HYPERVISOR].hi,
        regions[REGION_LOCAL_APIC].lo,
        regions[REGION_LOCAL_APIC].hi,
        regions[REGION_A20_WINDOW].lo,
        regions[REGION_A20_WINDOW].hi,
        typed.lo,
        min(typed.hi, 1ull << 49),
        map.page_1g,
        map.ones_page,
        r->gpa,
        range.lo,
        range.hi,
        range.what,
        range.rights,
        0,
        0,
        0,
        0,
        0,
    };
    leaf_read(&nested, r);
}

void host_records(u64 from, struct record *records, u32 count)
{
    seed = from;
    for (u32 i = 0; i < count; i++)
        record_make(&records[i]);
}
