/* What the command line chose, from the 32-bit start to boot.c. */
#pragma once

#include "generated/abi/options.h"

#define FIRST_DISK 0x80                  /* the BIOS's number of disk 0 */
