/* From the loader to the first instruction of dom0. */
#include "boot/boot.h"

#include "core/cpu.h"
#include "domu/domu.h"
#include "domu/pool.h"
#include "generated/dom0.h"
#include "core/host.h"
#include "core/layout.h"
#include "boot/bios/linux.h"
#include "core/log.h"
#include "boot/bios/low.h"
#include "dom0/memory.h"
#include "boot/multiboot/multiboot.h"
#include "core/paging.h"
#include "boot/region.h"
#include "boot/smp.h"
#include "core/string.h"
#include "core/traps.h"
#include "dom0/cpus.h"
#include "vmx/vmx.h"

extern char boot_stack_top[];

static struct boot_request request;

static __attribute__((noreturn)) void boot_final(u64 ram_end);
__attribute__((noreturn)) void boot(const struct boot_request *from);

/* Tables map the region too: the more there is of it, the more of them. */
static u64 bytes_needed(u64 ram_end)
{
    u64 pages = smp_pages(ram_end) + pools_pages() + 1, bytes = (u64)image_size + pages * PAGE_SIZE, size = PAGE_2M;
    while (bytes + paging_pages(ram_end, size) * PAGE_SIZE > size)
        size += PAGE_2M;
    return size;
}

/* In the boot world: identity below 4 GiB, the image where the loader put it. */
void boot(const struct boot_request *from)
{
    request = *from;
    log_serial = request.log_serial;
    multiboot_read(request.magic, request.info);
    smp_count();
    u64 ram_end = region_ram_end();
    pools_size(request.pool_frames, request.pool_count);
    region_choose(bytes_needed(ram_end));
    pools_place();
    u64 tables = region_skip(paging_pages(ram_end, hv_size));
    paging_build(tables, ram_end);
    memcpy(phys(hv_base), phys((u64)image_start), (u64)image_size);     /* last: variables go with it */
    switch_page_tables(tables, boot_stack_top, boot_final, ram_end);
}

void boot_final(u64 ram_end)
{
    direct_map = DM_VA;
    traps_init();
    ones_page = region_take(1);
    memset(hv_virt(ones_page), 0xFF, PAGE_SIZE);
    smp_allocate(ram_end);
    cpu_setup(cpus[0]);
    if (!controls_grant(dom0_controls, dom0_control_word, DOM0_CONTROL_WORDS))
        host_halt();
    dom0_features_init();
    if (pool_count)
        domains_init();
    low_install(request.drive, request.partition);
    smp_start(request.apic_watch);
    if (machine.module_count)
        linux_load();
    vmx_start(cpus[0]);
    cpu_start_disk(cpus[0]);
}
