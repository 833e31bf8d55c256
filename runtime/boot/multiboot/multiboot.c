#include "boot/multiboot/multiboot.h"

#include "core/layout.h"
#include "core/panic.h"
#include "core/string.h"

#define MB1_LOADER 0x2BADB002u
#define MB1_MODULES (1u << 3)
#define MB1_MAP (1u << 6)

/* Multiboot 1: 3.3 */
struct mb1_info {
    u32 flags, lower, upper, boot_device, line, module_count, modules, symbols[4], map_length, map;
};

struct mb1_module {
    u32 start, end, line, reserved;
};

/* Multiboot 2: 3.6 */
enum { MB2_END = 0, MB2_MODULE = 3, MB2_MAP = 6 };

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

struct machine machine;

static void range_add(const struct range *range)
{
    if (!range->length)
        return;
    if (machine.range_count == RANGES_MAX)
        boot_stop("memory-map", "the memory map has too many ranges");
    machine.ranges[machine.range_count++] = *range;
}

static void module_add(u32 start, u32 end, const char *line)
{
    if (machine.module_count == MODULES_MAX)
        boot_stop("module-count", "a kernel and its initrd are all the modules there may be");
    struct module *module = &machine.modules[machine.module_count++];
    module->start = start;
    module->end = end;
    for (u32 i = 0; line[i]; i++) {
        if (i == LINE_MAX - 1)
            boot_stop("module-line", "the kernel's command line is too long");
        module->line[i] = line[i];
    }
}

/* Each entry is preceded by its size, which does not count itself. */
static void mb1_read(const struct mb1_info *info)
{
    const struct mb1_module *modules = phys(info->modules);
    u32 count = info->flags & MB1_MODULES ? info->module_count : 0;
    for (u32 i = 0; i < count; i++)
        module_add(modules[i].start, modules[i].end, modules[i].line ? phys(modules[i].line) : "");
    u32 end = info->flags & MB1_MAP ? info->map + info->map_length : 0;
    for (u32 at = info->map; at < end; at += *(u32 *)phys(at) + 4)
        range_add(phys(at + 4));
}

static void mb2_map_read(const struct mb2_map *map)
{
    const u8 *entry = (const u8 *)(map + 1), *end = (const u8 *)map + map->tag.size;
    for (; entry < end && map->entry_size; entry += map->entry_size)
        range_add((const struct range *)entry);
}

static void mb2_read(u32 info)
{
    const struct mb2_tag *tag = phys(info + 8);
    for (; tag->type != MB2_END; tag = (const void *)((const u8 *)tag + round_up(tag->size, 8))) {
        const struct mb2_module *module = (const void *)tag;
        if (tag->type == MB2_MODULE)
            module_add(module->start, module->end, module->line);
        else if (tag->type == MB2_MAP)
            mb2_map_read((const void *)tag);
    }
}

void multiboot_read(u32 magic, u32 info)
{
    if (magic == MB1_LOADER)
        mb1_read(phys(info));
    else
        mb2_read(info);
}
