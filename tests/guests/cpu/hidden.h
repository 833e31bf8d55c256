/* What the cases about hidden memory share. */
#pragma once
#include "kit.h"

#define ONES (~0ull)
#define WRITES 6
#define READS 5
#define READ(type, at) (*(volatile type *)(at))

/* The address of hidden memory. `begin` sets it; false on the bare machine, which has none. */
static u64 base, size;

static inline void check_ones(const char *name, u64 at)
{
    check(name, READ(u64, at), ONES);
}

static inline bool begin(void)
{
    if (!is_hypervised())
        return false;
    base = hidden_base();
    size = hidden_size();
    return true;
}
