/* The low page: see low16.asm. Its symbols are offsets in the page. */
#pragma once

#include "core/types.h"

extern char low_gdt_base[], low_cr3[], low_far[], low_entry[], low_drive[], low_partition[], low_linux[];
extern char low_boot[];
extern char int15[], int15_old[], int15_count[], int15_ax[], int15_bx[], int15_88[], int15_table[];

/* Copies it to start.low_page and hooks INT 15h. The loader's data in low memory must have been read by then. */
void low_install(void);
/* Sets where its trampoline takes the other CPUs: `entry`, in these page tables, which lie below 4 GiB. */
void low_set_entry(u64 cr3, const void *entry);
