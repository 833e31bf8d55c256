/* What a BIOS machine says of itself in low memory. Read while memory below 4 GiB is mapped at its own address. */
#pragma once

#include "core/types.h"

/* ACPI's root pointer, or 0. ACPI: 5.2.5.1 */
u64 bios_find_rsdp(void);
/* The highest page of conventional memory. */
u64 bios_find_low_page(void);
