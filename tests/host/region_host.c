/* region.c and pool.c on the host: places the hypervisor and the pools in a memory map, with some of it in use. */
#include <setjmp.h>

#include "core/pages.h"
#include "domu/pool.h"
#include "boot/start.h"
#include "boot/region.h"
#include "core/panic.h"

struct start start;
u32 cpu_count = 1;
volatile bool panicking;

static jmp_buf stopped;
static const char *error_name;

void boot_stop(const char *error, const char *why)
{
    (void)why;
    error_name = error;
    longjmp(stopped, 1);
}

void panic(struct cpu *cpu, const char *why)
{
    (void)cpu;
    boot_stop("stopped", why);
}

void host_halt(void)
{
    boot_stop("halted", "");
}

u64 page_alloc(u32 count)
{
    (void)count;
    return 0;
}

void page_free(u64 physical, u32 count)
{
    (void)physical, (void)count;
}

void host_clear(void)
{
    start = (struct start){0};
}

void host_range(u64 base, u64 length, u32 type)
{
    start.ranges[start.range_count++] = (struct range){base, length, type};
}

void host_module(u64 begin, u64 end)
{
    start.modules[start.module_count++] = (struct module){.start = begin, .end = end};
}

/* The part of boot() that changes the map. Returns the error's name, or null; `hidden` is the hypervisor's address. */
const char *host_place(u64 own, const u32 *frames, u32 count, u64 *hidden)
{
    if (setjmp(stopped))
        return error_name;
    pools_size(frames, count);
    region_choose(own + pools_pages() * PAGE_SIZE);
    pools_place();
    hidden[0] = hv_base;
    hidden[1] = hv_size;
    return "";
}

u64 host_pool(u32 pool)
{
    return pools[pool].base;
}

u32 host_ranges(u64 *list)
{
    for (u32 i = 0; i < start.range_count; i++) {
        list[3 * i] = start.ranges[i].base;
        list[3 * i + 1] = start.ranges[i].length;
        list[3 * i + 2] = start.ranges[i].type;
    }
    return start.range_count;
}

/* For the older BIOS calls: the end of the contiguous memory from 1 MiB on. */
u64 host_contiguous_end(void)
{
    return region_contiguous_end();
}
