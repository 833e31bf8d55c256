/* The command line in the loader's information. */
#pragma once

#include "core/types.h"

/* `size`: of what may be read at `text`; 0: there is no command line. */
struct line {
    const char *text;
    u32 size;
};

struct line line_find(u32 magic, u32 info);
