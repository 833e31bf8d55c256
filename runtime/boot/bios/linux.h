/* Multiboot modules as dom0: a Linux kernel, and perhaps its initrd. */
#pragma once

/* Puts both where the boot protocol wants them, and has the low page start the kernel instead of the disk. */
void linux_load(void);
