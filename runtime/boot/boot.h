#pragma once

#include "core/types.h"

/* From a front, which has filled `start`: memory below 4 GiB is mapped at its own address, the image where the loader put it. */
__attribute__((noreturn)) void boot(void);

/* Switches to the final page tables and another stack, and calls `to`. */
__attribute__((noreturn)) void switch_page_tables(u64 cr3, void *stack, void (*to)(u64), u64 argument);
