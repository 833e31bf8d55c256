/* What dom0 learns of memory from the BIOS. */
#pragma once

/* Reserves the low page, which must have been installed, and hooks INT 15h there; the memory map must be final. */
void int15_install(void);
