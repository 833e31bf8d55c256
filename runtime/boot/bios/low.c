#include "boot/bios/low.h"

#include "core/layout.h"
#include "boot/multiboot/multiboot.h"
#include "boot/region.h"
#include "core/string.h"

#define BDA_MEMORY 0x413                /* KiB of conventional memory */
#define VECTOR_15 (0x15 * 4)
#define CONVENTIONAL_END KIB(640)

u64 low_address;

static void *field(const char *offset)
{
    return phys(low_address + (u64)offset);
}

static u16 capped(u64 value, u64 most)
{
    return (u16)min(value, most);
}

/* The older calls, from the same map: KiB up to 16 MiB, 64 KiB blocks above, KiB in one word. */
static void sizes_write(void)
{
    u64 end = region_contiguous_end();
    *(u16 *)field(int15_ax) = capped((min(end, MIB(16)) - MIB(1)) / KIB(1), 0x3C00);
    *(u16 *)field(int15_bx) = end > MIB(16) ? capped((min(end, GIB(4)) - MIB(16)) / KIB(64), 0xFFFF) : 0;
    *(u16 *)field(int15_88) = capped((end - MIB(1)) / KIB(1), 0xFC00);
}

static void vector_hook(void)
{
    u32 *vector = phys(VECTOR_15);
    *(u32 *)field(int15_old) = *vector;
    *vector = (u32)(low_address >> 4) << 16 | (u32)(u64)int15;
}

/* The BIOS's own word and the map say the same. */
static void room_make(void)
{
    u16 *memory = phys(BDA_MEMORY);
    low_address = round_down(KIB(*memory) - PAGE_SIZE, PAGE_SIZE);
    *memory = (u16)(low_address / KIB(1));
    region_reserve(low_address, CONVENTIONAL_END, RANGE_RESERVED);
}

void low_aim(u64 cr3, const void *entry)
{
    *(u32 *)field(low_cr3) = (u32)cr3;
    *(u64 *)field(low_entry) = (u64)entry;
}

void low_install(u8 drive, u8 partition)
{
    room_make();
    memcpy(phys(low_address), phys((u64)low_load), (u64)low_size);
    *(u8 *)field(low_drive) = drive;
    *(u8 *)field(low_partition) = partition;
    *(u32 *)field(low_gdt_base) += low_address;
    *(u32 *)field(low_far) += low_address;
    *(u32 *)field(int15_count) = machine.range_count;
    memcpy(field(int15_table), machine.ranges, machine.range_count * sizeof(struct range));
    sizes_write();
    vector_hook();
}
