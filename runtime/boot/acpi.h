/* The firmware's list of CPUs. Read while memory below 4 GiB is mapped at its own address. */
#pragma once

#include "core/types.h"

#define RSDP_SIGNATURE 0x2052545020445352ull    /* "RSD PTR ": of the root pointer. ACPI: 5.2.5.3 */
#define RSDP_SIZE 32                    /* its bytes; the first revision has fewer */

/* Is what begins with the signature at this address a root pointer? */
bool acpi_is_rsdp(u64 address);
/* Calls `found` with the APIC id of each CPU that the firmware says may be used; for no root pointer (0), never. ACPI: 5.2.12 */
void acpi_cpus(u64 rsdp, void (*found)(u32 apic_id));
