/* The hypervisor's address space and image. */
#pragma once

#include "core/types.h"

#define HV_VA 0xFFFFFFFF80000000ull         /* link.ld has it too */
#define DM_VA 0xFFFF800000000000ull         /* all memory but the hidden region, at DM_VA + physical address */

#define HV_BLOCKS_MAX 512               /* of 2 MiB: one page directory maps them */

/* From link.ld. Physical addresses and sizes are absolute symbols. */
extern char image_start[], image_size[], low_load[], low_size[];
extern char text_end[], rodata_end[], image_end[];

/* The hidden region: physical, whole 2 MiB blocks. */
extern u64 hv_base, hv_size;
/* What phys() adds: 0 while the boot tables' identity map is in use, DM_VA afterwards. */
extern u64 direct_map;

static inline void *phys(u64 address)
{
    return (void *)(direct_map + address);
}

/* The only virtual address of a hidden page. */
static inline void *hv_virt(u64 address)
{
    return (void *)(HV_VA + (address - hv_base));
}

static inline u64 hv_phys(const void *pointer)
{
    return (u64)pointer - HV_VA + hv_base;
}
