/* The loader's modules as dom0: a Linux kernel, and perhaps its initrd. */
#pragma once

/* Copies both to where the boot protocol requires them, and makes the low page start the kernel instead of the disk. */
void linux_load(void);
