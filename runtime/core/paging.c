#include "core/paging.h"

#include "core/host.h"
#include "generated/x86/x86.h"
#include "core/layout.h"

#define TABLE (PAGE_ENTRY_PRESENT | PAGE_ENTRY_WRITE)
#define DATA (PAGE_ENTRY_PRESENT | PAGE_ENTRY_WRITE | PAGE_ENTRY_NO_EXECUTE)
#define ENTRIES 512
#define ADDRESS 0x000FFFFFFFFFF000ull

#define LOW_LIMIT GIB(4)                /* mapped whole, by 2 MiB pages: tables of the firmware, the screen */
#define LEAF_EXTENDED 0x80000001u       /* EDX 26: 1 GiB pages. SDM: 3.3, CPUID */
#define PAGE_1G_BIT (1u << 26)

static u64 next_table;

static bool has_1g(void)
{
    return host_cpuid(LEAF_EXTENDED, 0).edx & PAGE_1G_BIT;
}

static u64 high_end(u64 ram_end)
{
    return round_up(max(ram_end, LOW_LIMIT), PAGE_1G);
}

static u32 ceil_div(u64 value, u64 unit)
{
    return (u32)((value + unit - 1) / unit);
}

u32 paging_pages(u64 ram_end, u64 own)
{
    u32 gib = ceil_div(has_1g() ? LOW_LIMIT : high_end(ram_end), PAGE_1G);
    u32 own_tables = 2 + ceil_div(own, PAGE_2M);        /* directory pointers, directory, tables */
    u32 identity = 3;
    return 1 + ceil_div(high_end(ram_end), GIB(512)) + gib + own_tables + identity;
}

/* The table that an entry leads to, made if it is absent. Levels are numbered from 1 at the bottom. */
static u64 *table_at_entry(u64 *entry)
{
    if (!*entry) {
        *entry = next_table | TABLE;
        next_table += PAGE_SIZE;
    }
    return phys(*entry & ADDRESS);
}

static u64 *entry_at(u64 root, u64 address, u32 level)
{
    u64 *table = phys(root);
    for (u32 at = 4; at > level; at--)
        table = table_at_entry(&table[address >> (12 + 9 * (at - 1)) & (ENTRIES - 1)]);
    return &table[address >> (12 + 9 * (level - 1)) & (ENTRIES - 1)];
}

/* Text executes, read-only data reads, the rest writes: never two of the last. */
static u64 rights_of(u64 address)
{
    if (address < (u64)text_end)
        return PAGE_ENTRY_PRESENT;
    return address < (u64)rodata_end ? PAGE_ENTRY_PRESENT | PAGE_ENTRY_NO_EXECUTE : DATA;
}

static void own_map(u64 root)
{
    for (u64 at = 0; at < hv_size; at += PAGE_2M) {
        u64 *table = entry_at(root, HV_VA + at, 1);
        for (u64 i = 0; i < ENTRIES; i++)
            table[i] = (hv_base + at + i * PAGE_SIZE) | rights_of(HV_VA + at + i * PAGE_SIZE);
    }
}

static bool is_hidden(u64 address)
{
    return address >= hv_base && address < hv_base + hv_size;
}

static void low_map(u64 root)
{
    for (u64 gib = 0; gib < LOW_LIMIT; gib += PAGE_1G) {
        u64 *table = entry_at(root, DM_VA + gib, 2);
        for (u64 at = gib; at < gib + PAGE_1G; at += PAGE_2M)
            table[(at - gib) / PAGE_2M] = is_hidden(at) ? 0 : at | DATA | PAGE_ENTRY_PAGE_SIZE;
    }
}

static void high_map(u64 root, u64 ram_end)
{
    u32 level = has_1g() ? 3 : 2;
    u64 size = has_1g() ? PAGE_1G : PAGE_2M;
    for (u64 at = LOW_LIMIT; at < high_end(ram_end); at += size)
        *entry_at(root, DM_VA + at, level) = at | DATA | PAGE_ENTRY_PAGE_SIZE;
}

void paging_build(u64 at, u64 ram_end)
{
    u64 *tables = phys(at), words = paging_pages(ram_end, hv_size) * ENTRIES;
    for (u64 i = 0; i < words; i++)
        tables[i] = 0;
    next_table = at + PAGE_SIZE;
    own_map(at);
    low_map(at);
    high_map(at, ram_end);
}

/* The tables are inside the hidden region, so not in the direct map: by their own address. */
static u64 *own_entry(u64 address, u32 level)
{
    u64 *table = hv_virt(host_read_cr3() & ADDRESS);
    for (u32 at = 4; at > level; at--)
        table = hv_virt(table[address >> (12 + 9 * (at - 1)) & (ENTRIES - 1)] & ADDRESS);
    return &table[address >> (12 + 9 * (level - 1)) & (ENTRIES - 1)];
}

void paging_flush(void)
{
    host_write_cr3(host_read_cr3());
}

void paging_guard(const void *page)
{
    *own_entry((u64)page, 1) = 0;
    paging_flush();
}

void paging_identity(u64 page)
{
    for (u32 level = 4; level > 1; level--) {
        *own_entry(page, level) = next_table | TABLE;
        next_table += PAGE_SIZE;
    }
    *own_entry(page, 1) = page | PAGE_ENTRY_PRESENT;
}

void paging_identity_end(void)
{
    *own_entry(0, 4) = 0;
    paging_flush();
}
