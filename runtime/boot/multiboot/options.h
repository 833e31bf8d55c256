/* The parser of the command line. */
#pragma once

#include "boot/options.h"

#define LINE_SIZE 4096                  /* of a command line, its NUL included */

/*
 * Reads at most `size` bytes, up to the NUL, into what `options` has already. An option that does not exist or has a bad
 * value stops the machine: a typing mistake must not boot the wrong disk.
 */
void options_parse(const char *line, u32 size, struct options *options);
