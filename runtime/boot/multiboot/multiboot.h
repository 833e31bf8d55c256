/* What Multiboot loaders pass, for 32-bit and 64-bit code, and what the one hands to the other. */
#pragma once

#include "boot/options.h"

#define MB1_LOADER 0x2BADB002u
#define MB1_LINE (1u << 2)
#define MB1_MODULES (1u << 3)
#define MB1_MAP (1u << 6)

/* Multiboot 1: 3.3 */
struct mb1_info {
    u32 flags, lower, upper, boot_device, line, module_count, modules, symbols[4], map_length, map;
};

struct mb1_module {
    u32 start, end, line, reserved;
};

#define MB2_LOADER 0x36D76289u

/* Multiboot 2: 3.6 */
enum { MB2_END = 0, MB2_LINE = 1, MB2_MODULE = 3, MB2_MAP = 6 };

struct mb2_info {
    u32 size, reserved;
};

struct mb2_tag {
    u32 type, size;
};

struct mb2_module {
    struct mb2_tag tag;
    u32 start, end;
    char line[];
};

struct mb2_map {
    struct mb2_tag tag;
    u32 entry_size, version;
};

/* The next tag lies at a multiple of 8. Its size may be nonsense: the caller ends at `info->size`. */
static inline u32 mb2_next(u32 at, u32 size)
{
    return at + ((size + 7) & ~7u);
}

/* From the 32-bit code to the 64-bit code: the loader's registers, and the options. */
struct handoff {
    u32 magic, info;
    struct options options;
};
