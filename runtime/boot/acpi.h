/* The firmware's list of CPUs. Read in the boot world, where all memory below 4 GiB is mapped at its own address. */
#pragma once

#include "core/types.h"

/* Calls `found` with the APIC id of each CPU that the firmware says may be used. ACPI: 5.2.12 */
void acpi_cpus(void (*found)(u32 apic_id));
