#include "boot/bios/int15.h"

#include "core/layout.h"
#include "boot/region.h"
#include "boot/start.h"
#include "core/string.h"

#define BDA_MEMORY 0x413                /* KiB of conventional memory */
#define VECTOR_15 (0x15 * 4)
#define CONVENTIONAL_END KIB(640)

/* From int15.asm: offsets in the low page. */
extern char int15[], int15_old[], int15_count[], int15_ax[], int15_bx[], int15_88[], int15_table[];

static void *field(const char *offset)
{
    return phys(start.low_page + (u64)offset);
}

static u16 cap(u64 value, u64 limit)
{
    return (u16)min(value, limit);
}

/* The sizes that the older functions return, from the same map: KiB up to 16 MiB, 64 KiB blocks above, KiB in one word. */
static void write_sizes(void)
{
    u64 end = region_contiguous_end();
    *(u16 *)field(int15_ax) = cap((min(end, MIB(16)) - MIB(1)) / KIB(1), 0x3C00);
    *(u16 *)field(int15_bx) = end > MIB(16) ? cap((min(end, GIB(4)) - MIB(16)) / KIB(64), 0xFFFF) : 0;
    *(u16 *)field(int15_88) = cap((end - MIB(1)) / KIB(1), 0xFC00);
}

static void hook_vector(void)
{
    u32 *vector = phys(VECTOR_15);
    *(u32 *)field(int15_old) = *vector;
    *vector = (u32)(start.low_page >> 4) << 16 | (u32)(u64)int15;
}

/* In the BIOS's own count and in the map. */
static void reserve_page(void)
{
    *(u16 *)phys(BDA_MEMORY) = (u16)(start.low_page / KIB(1));
    region_reserve(start.low_page, CONVENTIONAL_END, RANGE_RESERVED);
}

void int15_install(void)
{
    reserve_page();
    *(u32 *)field(int15_count) = start.range_count;
    memcpy(field(int15_table), start.ranges, start.range_count * sizeof(struct range));
    write_sizes();
    hook_vector();
}
