#include "core/mtrr.h"

#include "generated/x86/x86.h"

/* Neighbors looked at on each side: all fixed ranges, and a bound where a mask has holes. */
#define STRETCHES 128

/* The fixed ranges: how many registers, what each of their eight bytes covers. SDM: table 12-9 */
static const struct fixed_range {
    u64 lo, hi, unit;
    u32 first;
} fixed_ranges[] = {
    {0, KIB(512), KIB(64), 0},
    {KIB(512), KIB(768), KIB(16), 1},
    {KIB(768), MIB(1), KIB(4), 3},
};

static struct typed_range fixed_stretch(const struct mtrrs *m, u64 address)
{
    const struct fixed_range *r = fixed_ranges;
    while (address >= r->hi)
        r++;
    u64 unit = (address - r->lo) / r->unit, lo = r->lo + unit * r->unit;
    u8 type = (u8)(m->fixed[r->first + unit / 8] >> unit % 8 * 8);
    return (struct typed_range){lo, lo + r->unit, type};
}

/* The type where two registers overlap; undefined combinations are UC. SDM: 12.11.4.1 */
static u8 overlap(u8 a, u8 b)
{
    if (a == b)
        return a;
    if ((a == TYPE_WT && b == TYPE_WB) || (a == TYPE_WB && b == TYPE_WT))
        return TYPE_WT;
    return TYPE_UC;
}

/* True: the register covers `address`. Narrows `s` to where that does not change. */
static bool variable_covers(u64 base, u64 mask, u64 end, u64 address, struct typed_range *s)
{
    u64 size = mask & -mask;
    bool contiguous = mask + size == end, inside = (address & mask) == (base & mask);
    u64 lo = inside || !contiguous ? round_down(address, size) : base & mask, hi = lo + size;
    if (inside || !contiguous) {
        s->lo = max(s->lo, lo);
        s->hi = min(s->hi, hi);
    } else if (address < lo) {
        s->hi = min(s->hi, lo);
    } else {
        s->lo = max(s->lo, hi);
    }
    return inside;
}

static struct typed_range variable_stretch(const struct mtrrs *m, u64 address)
{
    struct typed_range s = {0, m->address_end, m->default_type & MTRR_DEF_TYPE_TYPE_MASK};
    bool any = false;
    for (u32 i = 0; i < m->variable_count; i++) {
        u64 mask = m->mask[i] & (m->address_end - 1) & ~PAGE_MASK;
        if (!(m->mask[i] & MTRR_MASK_VALID) || !mask)
            continue;
        if (variable_covers(m->base[i], mask, m->address_end, address, &s)) {
            u8 type = m->base[i] & MTRR_BASE_TYPE_MASK;
            s.type = any ? overlap(s.type, type) : type;
            any = true;
        }
    }
    return s;
}

static struct typed_range stretch(const struct mtrrs *m, u64 address)
{
    if (address >= m->address_end)
        return (struct typed_range){m->address_end, ~0ull, TYPE_UC};
    if (!(m->default_type & MTRR_DEF_TYPE_ENABLE))
        return (struct typed_range){0, m->address_end, TYPE_UC};
    bool fixed = m->default_type & MTRR_DEF_TYPE_FIXED_ENABLE;
    if (fixed && address < MIB(1))
        return fixed_stretch(m, address);
    struct typed_range s = variable_stretch(m, address);
    if (fixed)
        s.lo = max(s.lo, MIB(1));
    return s;
}

struct typed_range mtrr_range(const struct mtrrs *m, u64 address)
{
    struct typed_range all = stretch(m, address), next;
    for (u32 i = 0; i < STRETCHES && all.hi < m->address_end && (next = stretch(m, all.hi)).type == all.type; i++)
        all.hi = next.hi;
    for (u32 i = 0; i < STRETCHES && all.lo > 0 && (next = stretch(m, all.lo - 1)).type == all.type; i++)
        all.lo = next.lo;
    return all;
}
