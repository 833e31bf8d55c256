/* nested_paging.c and mtrr.c on the host: tables are in an array; Python sets everything by small calls. */
#include <string.h>

#include "vmx/nested_paging.h"

#define POOL 0x100000000000ull          /* a physical address outside every map */
#define POOL_PAGES 8192

u64 host_tables[POOL_PAGES][512];
static struct memory_rule rules[8];
static struct memory_map map = {.rules = rules};
static struct nested_tables nested;

u64 *nested_table(u64 physical)
{
    return host_tables[(physical - POOL) / PAGE_SIZE];
}

void host_reset(u32 pages, u64 ones_page, bool page_1g)
{
    map = (struct memory_map){.rules = rules, .ones_page = ones_page, .page_1g = page_1g};
    memcpy(map.regions, region_places, sizeof(map.regions));
    nested = (struct nested_tables){.pool = POOL, .pages = pages};
    nested_reset(&nested);
}

void host_rule(u32 what, u32 rights, u32 region)
{
    rules[map.rule_count++] = (struct memory_rule){.what = (u8)what, .rights = (u8)rights, .region = (u8)region};
}

void host_region(u32 region, u64 lo, u64 hi)
{
    map.regions[region] = (struct region){lo, hi};
}

void host_mtrr(u64 default_type, u64 address_end)
{
    map.mtrrs.default_type = default_type;
    map.mtrrs.address_end = address_end;
}

void host_fixed(u32 index, u64 value)
{
    map.mtrrs.fixed[index] = value;
}

void host_variable(u64 base, u64 mask)
{
    u32 i = map.mtrrs.variable_count++;
    map.mtrrs.base[i] = base;
    map.mtrrs.mask[i] = mask;
}

bool host_fill(u64 gpa)
{
    return nested_fill(&nested, &map, gpa);
}

bool host_point(u64 gpa, u64 frame, u32 rights, u32 type)
{
    return nested_point(&nested, gpa, frame, rights, type);
}

u32 host_used(void)
{
    return nested.used;
}
