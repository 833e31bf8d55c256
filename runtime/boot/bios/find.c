#include "boot/bios/find.h"

#include "boot/acpi.h"
#include "core/layout.h"

#define BDA_EBDA 0x40E                  /* segment of the extended BIOS data area */
#define BDA_MEMORY 0x413                /* KiB of conventional memory */
#define EBDA_SEARCHED KIB(1)
#define BIOS_START 0xE0000
#define BIOS_END 0x100000
#define RSDP_ALIGN 16

static u64 search(u64 begin, u64 end)
{
    for (u64 at = round_up(begin, RSDP_ALIGN); at + RSDP_SIZE <= end; at += RSDP_ALIGN)
        if (*(const u64 *)phys(at) == RSDP_SIGNATURE && acpi_is_rsdp(at))
            return at;
    return 0;
}

u64 bios_find_rsdp(void)
{
    u64 ebda = (u64) * (u16 *)phys(BDA_EBDA) << 4;
    u64 rsdp = ebda ? search(ebda, ebda + EBDA_SEARCHED) : 0;
    return rsdp ? rsdp : search(BIOS_START, BIOS_END);
}

u64 bios_find_low_page(void)
{
    return round_down(KIB(*(u16 *)phys(BDA_MEMORY)) - PAGE_SIZE, PAGE_SIZE);
}
