/* Guest states for VM entries; tests/host/entry/table.py generates table.c. */
#pragma once
#include "kit.h"

struct change {
    u64 field, value;
};

/* Changes first..first+count of a base's state; `enters`: the entry is predicted to succeed. */
struct span {
    u32 first, count;
};
struct state {
    struct span span;
    u16 base, enters;
};

extern const struct change changes[];
extern const struct span bases[];
extern const struct state states[];
extern const u32 state_count;
/* Every VMCS field that can be written; every MSR that the predictions depend on. */
extern const u32 fields[], field_count;
extern const u32 msrs[], msr_count;
