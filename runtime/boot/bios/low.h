/* The low page: see low16.asm. Its symbols are offsets in the page. */
#pragma once

#include "core/types.h"

extern char low_gdt_base[], low_cr3[], low_far[], low_entry[], low_drive[], low_partition[], low_linux[];
extern char low_boot[];
extern char int15[], int15_old[], int15_count[], int15_ax[], int15_bx[], int15_88[], int15_table[];

/* Where it is, below 1 MiB. */
extern u64 low_address;

/* Puts it there and hooks INT 15h. Low memory must no longer be needed by the loader's data. */
void low_install(u8 drive, u8 partition);
/* Where its trampoline takes other CPUs: these tables, below 4 GiB, and then there. */
void low_aim(u64 cr3, const void *entry);
