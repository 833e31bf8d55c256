/* Starting the disk without a hypervisor, and noticing when that has led back here. */
#pragma once

#include "boot/options.h"

void bare_check_loop(void);
__attribute__((noreturn)) void bare_start(const struct boot_disk *disk);
