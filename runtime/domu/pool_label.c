/*
 * The information block of Linux's device-dax (struct nd_pfn_sb of drivers/nvdimm/pfn.h, version 1.4), as ndctl writes it on an NVDIMM.
 * With it, Linux offers the memory as /dev/daxN.0 in pages of 4 KiB, without any setup, and with page structures, so that dom0's
 * kernel can do I/O on guest memory.
 */
#include "domu/pool_label.h"

#include "core/layout.h"
#include "core/string.h"

#define LABEL_OFFSET PAGE_SIZE          /* from the start of the memory, where Linux looks for it */
#define MODE_RAM 1                      /* the page structures are in dom0's own memory */
#define PAGE_STRUCTURE 64

struct label {
    char signature[16];
    u8 uuid[16], parent_uuid[16];       /* 0: this kind of memory has no other labels */
    u32 flags;
    u16 major, minor;
    u64 data_offset, pages;
    u32 mode, start_pad, end_trunc;
    u32 align, page_size;
    u16 page_structure;
    u8 padding[3994];
    u64 checksum;
} __attribute__((packed));
_Static_assert(sizeof(struct label) == PAGE_SIZE, "as Linux has it");

/* Fletcher's, of 32-bit words, the checksum itself being 0. */
static u64 checksum(const struct label *label)
{
    u32 low = 0;
    u64 high = 0;
    for (u32 i = 0; i < sizeof(*label) / sizeof(u32); i++) {
        low += ((const u32 *)label)[i];
        high += low;
    }
    return high << 32 | low;
}

void label_write(u64 base, u64 size)
{
    struct label *label = phys(base - LABEL_SIZE + LABEL_OFFSET);
    memset(label, 0, sizeof(*label));
    memcpy(label->signature, "NVDIMM_DAX_INFO", sizeof(label->signature));
    memcpy(label->uuid, "Luvalley's pool", sizeof(label->uuid));
    label->major = 1;
    label->minor = 4;
    label->data_offset = LABEL_SIZE;
    label->pages = size / PAGE_SIZE;
    label->mode = MODE_RAM;
    label->align = label->page_size = (u32)PAGE_SIZE;
    label->page_structure = PAGE_STRUCTURE;
    label->checksum = checksum(label);
}
