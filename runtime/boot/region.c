#include "boot/region.h"

#include "core/layout.h"
#include "boot/start.h"
#include "core/panic.h"
#include "core/string.h"

u64 hv_base, hv_size;
u64 direct_map;

static u64 next;                        /* bytes allocated, the image's first */

static u64 range_end(const struct range *range)
{
    return range->base + range->length;
}

static bool overlaps(u64 lo, u64 hi, u64 other_lo, u64 other_hi)
{
    return lo < other_hi && other_lo < hi;
}

/* By the image where it was loaded, or by modules that have not been moved yet. */
static bool in_use(u64 lo, u64 hi)
{
    if (overlaps(lo, hi, MIB(1), (u64)image_start + (u64)image_size))
        return true;
    for (u32 i = 0; i < start.module_count; i++)
        if (overlaps(lo, hi, start.modules[i].start, start.modules[i].end))
            return true;
    return false;
}

/* Ranges of the map may overlap: memory is usable only if no range says otherwise. */
bool region_is_ram(u64 lo, u64 hi)
{
    bool inside = false;
    for (u32 i = 0; i < start.range_count; i++) {
        const struct range *r = &start.ranges[i];
        if (r->type == RANGE_USABLE)
            inside |= lo >= r->base && hi <= range_end(r);
        else if (overlaps(lo, hi, r->base, range_end(r)))
            return false;
    }
    return inside;
}

u64 region_find(u64 bytes, u64 lowest, u64 end)
{
    u64 size = round_up(bytes, PAGE_2M);
    for (u64 at = round_down(end, PAGE_2M) - size; at >= lowest && at < end; at -= PAGE_2M)
        if (region_is_ram(at, at + size) && !in_use(at, at + size))
            return at;
    return 0;
}

void region_choose(u64 bytes)
{
    hv_size = round_up(bytes, PAGE_2M);
    if (hv_size > HV_BLOCKS_MAX * PAGE_2M)
        boot_stop("memory", "so many processors, or so large pools, need more memory than the hypervisor may have");
    hv_base = region_find(hv_size, PAGE_2M, GIB(4));
    if (!hv_base)
        boot_stop("memory", "there is no free memory below 4 GiB for the hypervisor");
    region_reserve(hv_base, hv_base + hv_size, RANGE_RESERVED);
    next = (u64)image_size;
}

static void range_insert(u32 at, u64 lo, u64 hi, u32 type)
{
    if (lo >= hi)
        return;
    if (start.range_count == RANGES_MAX)
        boot_stop("memory-map", "the memory map has too many ranges");
    memmove(&start.ranges[at + 1], &start.ranges[at], (start.range_count - at) * sizeof(struct range));
    start.ranges[at] = (struct range){lo, hi - lo, type};
    start.range_count++;
}

/* Splits each usable range that overlaps [lo, hi). */
void region_reserve(u64 lo, u64 hi, u32 type)
{
    for (u32 i = 0; i < start.range_count; i++) {
        struct range *r = &start.ranges[i];
        u64 base = r->base, end = range_end(r), cut = max(lo, base), cut_end = min(hi, end);
        if (r->type != RANGE_USABLE || cut >= cut_end)
            continue;
        *r = (struct range){cut, cut_end - cut, type};
        range_insert(i + 1, cut_end, end, RANGE_USABLE);
        range_insert(i, base, cut, RANGE_USABLE);
    }
}

u64 region_ram_end(void)
{
    u64 end = 0;
    for (u32 i = 0; i < start.range_count; i++)
        if (start.ranges[i].type == RANGE_USABLE)
            end = max(end, range_end(&start.ranges[i]));
    return end;
}

u64 region_contiguous_end(void)
{
    for (u32 i = 0; i < start.range_count; i++) {
        const struct range *r = &start.ranges[i];
        if (r->type == RANGE_USABLE && r->base <= MIB(1) && range_end(r) > MIB(1))
            return range_end(r);
    }
    return MIB(1);
}

u64 region_skip(u32 pages)
{
    u64 address = hv_base + next;
    next += pages * PAGE_SIZE;
    if (next > hv_size)
        panic(0, "the hidden region is too small");
    return address;
}

u64 region_take(u32 pages)
{
    u64 address = region_skip(pages);
    memset(hv_virt(address), 0, pages * PAGE_SIZE);
    return address;
}
