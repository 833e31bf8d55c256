/* What the command line chose, from the 32-bit start to boot.c: the same layout in 32-bit and 64-bit code. */
#pragma once

#include "core/types.h"

#define FIRST_DISK 0x80                  /* the BIOS's number of disk 0 */
#define SIZES_MAX 8

struct boot_disk {
    u8 drive, partition;                /* the BIOS's number; 0: the disk's own boot record */
};

/* Each in superpages of 2 MiB. */
struct sizes {
    u32 count, superpages[SIZES_MAX];
};

struct options {
    struct boot_disk disk;
    bool apic_watch, log_serial;
    struct sizes pools;
};

_Static_assert(sizeof(struct options) == 40, "32-bit and 64-bit code agree");
