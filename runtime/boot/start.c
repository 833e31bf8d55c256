#include "boot/start.h"

#include "core/log.h"
#include "core/panic.h"

struct start start;

void start_add_range(const struct range *range)
{
    if (!range->length)
        return;
    if (start.range_count == RANGES_MAX)
        boot_stop("memory-map", "the memory map has too many ranges");
    start.ranges[start.range_count++] = *range;
}

void start_add_module(u64 begin, u64 end, const char *line)
{
    if (start.module_count == MODULES_MAX)
        boot_stop("module-count", "a kernel and its initrd are all the modules there may be");
    struct module *module = &start.modules[start.module_count++];
    module->start = begin;
    module->end = end;
    for (u32 i = 0; line[i]; i++) {
        if (i == MODULE_LINE_SIZE - 1)
            boot_stop("module-line", "the kernel's command line is too long");
        module->line[i] = line[i];
    }
}

static bool is_known(u32 apic_id)
{
    for (u32 i = 0; i < start.cpu_count; i++)
        if (start.apic_ids[i] == apic_id)
            return true;
    return false;
}

void start_add_cpu(u32 apic_id)
{
    if (is_known(apic_id))
        return;
    if (start.cpu_count < CPUS_MAX) {
        start.apic_ids[start.cpu_count++] = apic_id;
        return;
    }
    start.cpus_left_out++;
    log_line("luvalley: no room for the CPU with APIC id %; dom0 cannot start it", apic_id, 0);
}
