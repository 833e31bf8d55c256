/* The state in which the boot record starts, and the memory that the BIOS reports: E820, E801, INT 15h AH=88h. */
#include "kit.h"

#define USABLE 1
#define RESERVED 2
#define BDA_MEMORY (*(volatile u16 *)0x413)

CASE(entry)
{
    check("entry DL", ENTRY->dx & 0xFF, 0x80);
    check("entry linear address", (u32)ENTRY->cs * 16 + ENTRY->ip, 0x7C00);
    RECORD("entry CS and IP", ENTRY->cs, ENTRY->ip);
}

static bool overlap(const struct range *range, u64 base, u64 length)
{
    return range->base < base + length && base < range->base + range->length;
}

static u64 count_usable(u64 base, u64 length)
{
    const struct memory_map *map = read_e820();
    u64 count = 0;

    for (u32 i = 0; i < map->count; i++)
        count += map->range[i].type == USABLE && overlap(&map->range[i], base, length);
    return count;
}

static u64 find_usable_end(u64 base)
{
    const struct memory_map *map = read_e820();

    for (u32 i = 0; i < map->count; i++)
        if (map->range[i].type == USABLE && overlap(&map->range[i], base, 1))
            return map->range[i].base + map->range[i].length;
    return 0;
}

static void show(const struct memory_map *map)
{
    for (u32 i = 0; i < map->count; i++)
        print("e820 %x %x %u\n", map->range[i].base, map->range[i].length, (u64)map->range[i].type);
}

CASE(e820)
{
    const struct memory_map *map = read_e820();
    u64 overlaps = 0, empty = 0;

    show(map);
    check_true("e820 has ranges", map->count > 3);
    for (u32 i = 0; i < map->count; i++) {
        empty += !map->range[i].length;
        for (u32 j = 0; j < i; j++)
            overlaps += overlap(&map->range[i], map->range[j].base, map->range[j].length);
    }
    check("e820 ranges that overlap", overlaps, 0);
    check("e820 empty ranges", empty, 0);
}

CASE(conventional_memory)
{
    u64 end = (u64)BDA_MEMORY * 1024;

    check_true("conventional memory: e820 ends at most where the BIOS data area has it", find_usable_end(0) <= end);
    if (is_hypervised())
        check("conventional memory: e820 ends where the BIOS data area has it", find_usable_end(0), end);
    check("conventional memory: nothing usable up to 1 MiB", count_usable(end + 1024, 0x100000 - end - 1024), 0);
    *PROBE = (struct probe){0};
    bios(0x12);
    check("conventional memory: INT 12h", PROBE->eax & 0xFFFF, BDA_MEMORY);
    check_true("conventional memory is most of 640 KiB", BDA_MEMORY > 600 && BDA_MEMORY <= 639);
}

static void ask_memory(u32 eax, u32 ebx, u32 ecx, u32 edx)
{
    *PROBE = (struct probe){.eax = eax, .ebx = ebx, .ecx = ecx, .edx = edx, .edi = 0x5F00};
    bios(0x15);
}

CASE(older_sizes)
{
    u64 above = find_usable_end(0x100000) - 0x100000, low = above > 0xF00000 ? 0xF00000 : above;

    ask_memory(0xE801, 0, 0, 0);
    check("E801 carry", PROBE->flags & RFLAGS_CF, 0);
    check("E801 KiB up to 16 MiB", PROBE->eax & 0xFFFF, low / 1024);
    check_true("E801 64 KiB blocks above", (PROBE->ebx & 0xFFFF) <= (above - low) / 65536 + !is_hypervised());
    check_true("E801 reports most of it", (PROBE->ebx & 0xFFFF) + 32 >= (above - low) / 65536);
    check("E801 CX as AX", PROBE->ecx & 0xFFFF, PROBE->eax & 0xFFFF);
    check("E801 DX as BX", PROBE->edx & 0xFFFF, PROBE->ebx & 0xFFFF);
    ask_memory(0x8800, 0, 0, 0);
    check("AH=88h carry", PROBE->flags & RFLAGS_CF, 0);
    check_true("AH=88h reports no more than there is", (u64)(PROBE->eax & 0xFFFF) * 1024 <= above);
    check_true("AH=88h reports what there is", (PROBE->eax & 0xFFFF) >= 0x3C00);
}

CASE(e820_bad_calls)
{
    ask_memory(0xE820, 0, 20, 0x12345678);
    check("E820 without the signature fails", PROBE->flags & RFLAGS_CF, RFLAGS_CF);
    ask_memory(0xE820, 0, 24, 0x534D4150);
    check("E820 with 24 bytes succeeds", PROBE->flags & RFLAGS_CF, 0);
    check_true("E820 with 24 bytes returns 20 or 24", PROBE->ecx == 20 || PROBE->ecx == 24);
}

CASE(hidden_is_reserved)
{
    const struct memory_map *map = read_e820();
    u64 covered = 0;

    if (!is_hypervised())
        return;
    u64 base = hidden_base(), size = hidden_size();
    print("hidden %x %x\n", base, size);
    figure("hidden bytes", size);
    check_true("hidden memory is whole 2 MiB blocks", !(base % 0x200000) && !(size % 0x200000) && size);
    check_true("hidden memory lies below 4 GiB", base + size <= 1ull << 32);
    check("hidden memory: usable ranges in it", count_usable(base, size), 0);
    for (u32 i = 0; i < map->count; i++)
        covered += map->range[i].type == RESERVED && map->range[i].base <= base &&
            map->range[i].base + map->range[i].length >= base + size;
    check("hidden memory: reserved ranges that contain it", covered, 1);
}

/* INT 13h AH=02h reads the boot record: the BIOS's disk services work in VMX non-root operation. */
CASE(disk_read)
{
    *PROBE = (struct probe){.eax = 0x0201, .ebx = 0x5C00, .ecx = 1, .edx = 0x80};
    bios(0x13);
    check("INT 13h carry", PROBE->flags & RFLAGS_CF, 0);
    check("INT 13h signature", *(volatile u16 *)(0x5C00 + 510), 0xAA55);
    u64 differing = 0;
    for (u32 i = 0; i < 64; i++)
        differing += *(volatile u8 *)(u64)(0x5C00 + i) != *(volatile u8 *)(u64)(0x7C00 + i);
    check("INT 13h bytes that differ from the loaded record", differing, 0);
}

CASE(bios_timer)
{
    volatile u32 *ticks = (volatile u32 *)0x46C;
    u32 before = *ticks;
    extern u8 real_two_halts[];

    *PROBE = (struct probe){0};
    real_run((u32)(u64)real_two_halts);
    check_true("the BIOS's timer ticks, and ends HLT", *ticks - before >= 1 && *ticks - before <= 3);
}
