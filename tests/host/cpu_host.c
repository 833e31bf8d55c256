/* Control registers of root mode on the host: they come from the test. */
#define host_read_cr0 read_cr0_of_the_processor
#define host_write_cr0 write_cr0_of_the_processor
#define host_read_cr4 read_cr4_of_the_processor
#define host_write_cr4 write_cr4_of_the_processor
#include "core/host.h"
#undef host_read_cr0
#undef host_write_cr0
#undef host_read_cr4
#undef host_write_cr4

static u64 cr0, cr4;

static inline u64 host_read_cr0(void)
{
    return cr0;
}

static inline void host_write_cr0(u64 value)
{
    cr0 = value;
}

static inline u64 host_read_cr4(void)
{
    return cr4;
}

static inline void host_write_cr4(u64 value)
{
    cr4 = value;
}

#include "core/cpu.c"

u64 host_cr4_possible(void)
{
    return ~0ull;
}

/* What root mode has after a loader that has left `left` in CR0. */
__attribute__((visibility("default"))) u64 host_cr0_after(u64 left)
{
    cr0 = left;
    control_registers_set();
    return cr0;
}
