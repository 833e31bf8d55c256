#include "boot/bios/low.h"

#include "core/layout.h"
#include "boot/start.h"
#include "core/string.h"

static void *field(const char *offset)
{
    return phys(start.low_page + (u64)offset);
}

void low_set_entry(u64 cr3, const void *entry)
{
    *(u32 *)field(low_cr3) = (u32)cr3;
    *(u64 *)field(low_entry) = (u64)entry;
}

void low_install(void)
{
    memcpy(phys(start.low_page), phys((u64)low_load), (u64)low_size);
    *(u32 *)field(low_gdt_base) += start.low_page;
    *(u32 *)field(low_far) += start.low_page;
}

void low_set_disk(const struct boot_disk *disk)
{
    *(u8 *)field(low_drive) = disk->drive;
    *(u8 *)field(low_partition) = disk->partition;
}

void low_set_linux(u64 setup)
{
    *(u16 *)field(low_linux) = (u16)(setup >> 4);
}
