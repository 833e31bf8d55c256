/* The label by which Linux makes a character device of a pool, not a disk. */
#pragma once

#include "core/types.h"

#define LABEL_SIZE PAGE_2M              /* of memory before a pool: what the label describes starts at its end */

/* Writes the label of the pool at `base`. */
void label_write(u64 base, u64 size);
