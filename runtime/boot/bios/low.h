/* The low page: see low16.asm. Its symbols are offsets in the page. */
#pragma once

#include "boot/options.h"

extern char low_gdt_base[], low_cr3[], low_far[], low_entry[], low_drive[], low_partition[], low_linux[];
extern char low_boot[];

/* Copies it to start.low_page. The loader's data in low memory must have been read by then. */
void low_install(void);
/* What its boot stub starts: a disk's boot record, or, if that is set too, Linux's setup code at this address below 1 MiB. */
void low_set_disk(const struct boot_disk *disk);
void low_set_linux(u64 setup);
/* Sets where its trampoline takes the other CPUs: `entry`, in these page tables, which lie below 4 GiB. */
void low_set_entry(u64 cr3, const void *entry);
