/* What the loader says of the machine: copied, because its own copy may lie where we are going to write. */
#pragma once

#include "core/types.h"

#define RANGES_MAX 96                   /* int15.asm has room for as many */
#define MODULES_MAX 2
#define LINE_MAX 2048

#define RANGE_USABLE 1
#define RANGE_RESERVED 2
#define RANGE_SOFT_RESERVED 0xEFFFFFFFu /* for a use of its own: Linux makes device files of it */

/* A range as INT 15h E820 gives it. ACPI: 15.1 */
struct range {
    u64 base, length;
    u32 type;
} __attribute__((packed));

struct module {
    u64 start, end;
    char line[LINE_MAX];
};

struct machine {
    u32 range_count, module_count;
    struct range ranges[RANGES_MAX];
    struct module modules[MODULES_MAX];
};

extern struct machine machine;

void multiboot_read(u32 magic, u32 info);
