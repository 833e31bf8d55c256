/* The 64-bit part of the front: copies what the loader says into `start`. */
#include "boot/multiboot/multiboot.h"

#include "boot/acpi.h"
#include "boot/bios/find.h"
#include "boot/boot.h"
#include "boot/start.h"
#include "core/apic.h"
#include "core/layout.h"
#include "core/log.h"

/* Each entry is preceded by its size, which does not count itself. */
static void mb1_read(const struct mb1_info *info)
{
    const struct mb1_module *modules = phys(info->modules);
    u32 count = info->flags & MB1_MODULES ? info->module_count : 0;
    for (u32 i = 0; i < count; i++)
        start_add_module(modules[i].start, modules[i].end, modules[i].line ? phys(modules[i].line) : "");
    u64 end = info->flags & MB1_MAP ? (u64)info->map + info->map_length : 0;
    for (u64 at = info->map; at < end; at += (u64) * (u32 *)phys(at) + 4)
        start_add_range(phys(at + 4));
}

static void mb2_read_map(const struct mb2_map *map)
{
    const u8 *entry = (const u8 *)(map + 1), *end = (const u8 *)map + map->tag.size;
    for (; entry < end && map->entry_size; entry += map->entry_size)
        start_add_range((const struct range *)entry);
}

static void mb2_read_tag(const struct mb2_tag *tag)
{
    const struct mb2_module *module = (const void *)tag;
    if (tag->type == MB2_MODULE)
        start_add_module(module->start, module->end, module->line);
    else if (tag->type == MB2_MAP)
        mb2_read_map((const void *)tag);
}

static void mb2_read(const struct mb2_info *info)
{
    u32 at = sizeof(*info);
    while (at < info->size) {
        const struct mb2_tag *tag = (const void *)((const u8 *)info + at);
        if (tag->type == MB2_END || tag->size < sizeof(*tag) || tag->size > info->size - at)
            return;
        mb2_read_tag(tag);
        at = mb2_next(at, tag->size);
    }
}

static void find_cpus(void)
{
    start_add_cpu(apic_own_id());
    acpi_cpus(start.rsdp, start_add_cpu);
}

/* From start.asm, in its page tables. */
__attribute__((noreturn)) void multiboot_boot(const struct handoff *handoff);

void multiboot_boot(const struct handoff *handoff)
{
    start.options = handoff->options;
    log_serial = start.options.log_serial;
    if (handoff->magic == MB1_LOADER)
        mb1_read(phys(handoff->info));
    else
        mb2_read(phys(handoff->info));
    start.state = FIRST_REAL_MODE;
    start.program = start.module_count ? FIRST_LINUX : FIRST_BOOT_RECORD;
    start.rsdp = bios_find_rsdp();
    start.low_page = bios_find_low_page();
    find_cpus();
    boot();
}
