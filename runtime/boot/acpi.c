#include "boot/acpi.h"

#include "core/layout.h"
#include "core/string.h"

#define TABLE_SIZE_MAX MIB(1)           /* a longer table is taken for garbage */
#define MADT_ENTRIES 44
#define MADT_LOCAL_APIC 0
#define MADT_LOCAL_X2APIC 9
#define MADT_ENABLED 1u

/* ACPI: 5.2.5.3 */
struct rsdp {
    u64 signature;
    u8 checksum;
    char oem[6];
    u8 revision;
    u32 rsdt;
    u32 length;
    u64 xsdt;
} __attribute__((packed));

_Static_assert(sizeof(struct rsdp) == RSDP_SIZE, "the search needs its size");

#define RSDP_LENGTH_1 20                /* what the checksum of the first revision covers */

/* ACPI: 5.2.6 */
struct table {
    char signature[4];
    u32 length;
    u8 rest[28];
} __attribute__((packed));

/* ACPI: 5.2.12.2, 5.2.12.12 */
union madt_entry {
    struct {
        u8 type, length;
    };
    struct {
        u8 head[2], processor, id;
        u32 flags;
    } __attribute__((packed)) apic;
    struct {
        u8 head[2];
        u16 reserved;
        u32 id, flags;
    } __attribute__((packed)) x2apic;
};

static bool sums_to_zero(const void *bytes, u32 count)
{
    u8 sum = 0;
    for (u32 i = 0; i < count; i++)
        sum += ((const u8 *)bytes)[i];
    return !sum;
}

bool acpi_is_rsdp(u64 address)
{
    return sums_to_zero(phys(address), RSDP_LENGTH_1);
}

/* A table that lies whole in mapped memory, or 0. */
static const struct table *table_at(u64 address, const char *signature)
{
    if (!address || address > GIB(4) - sizeof(struct table))
        return 0;
    const struct table *table = phys(address);
    bool good = table->length >= sizeof(*table) && table->length <= TABLE_SIZE_MAX && address + table->length <= GIB(4);
    return good && !memcmp(table->signature, signature, 4) ? table : 0;
}

/* The table of that signature in a list of addresses, each `width` bytes, or 0. */
static const struct table *find_listed(const struct table *list, u32 width, const char *signature)
{
    const u8 *end = (const u8 *)list + list->length;
    for (const u8 *at = (const u8 *)(list + 1); at + width <= end; at += width) {
        const struct table *table = table_at(width == 8 ? *(const u64 *)at : *(const u32 *)at, signature);
        if (table)
            return table;
    }
    return 0;
}

static const struct table *find_madt(const struct rsdp *rsdp)
{
    const struct table *list = rsdp->revision >= 2 ? table_at(rsdp->xsdt, "XSDT") : 0;
    const struct table *madt = list ? find_listed(list, 8, "APIC") : 0;
    if (madt)
        return madt;
    list = table_at(rsdp->rsdt, "RSDT");
    return list ? find_listed(list, 4, "APIC") : 0;
}

static void read_entry(const union madt_entry *entry, void (*found)(u32 apic_id))
{
    if (entry->type == MADT_LOCAL_APIC && entry->length >= sizeof(entry->apic) && entry->apic.flags & MADT_ENABLED)
        found(entry->apic.id);
    if (entry->type == MADT_LOCAL_X2APIC && entry->length >= sizeof(entry->x2apic) && entry->x2apic.flags & MADT_ENABLED)
        found(entry->x2apic.id);
}

void acpi_cpus(u64 rsdp, void (*found)(u32 apic_id))
{
    const struct table *madt = rsdp ? find_madt(phys(rsdp)) : 0;
    if (!madt)
        return;
    const u8 *at = (const u8 *)madt + MADT_ENTRIES, *end = (const u8 *)madt + madt->length;
    while (at + 2 <= end) {
        const union madt_entry *entry = (const void *)at;
        if (entry->length < 2 || at + entry->length > end)
            return;
        read_entry(entry, found);
        at += entry->length;
    }
}
