/* walk.c on the host: physical memory is an array; the test sets the VMCS and the processor's features. */
#define host_rdpkru processor_rdpkru
#define guest_cr3 processor_guest_cr3
#define guest_cr4 processor_guest_cr4
#include "core/host.h"
#include "vmx/state.h"
#undef host_rdpkru
#undef guest_cr3
#undef guest_cr4

#include "domu/pool.h"
#include "boot/region.h"

static u64 cr3, cr4;
static u32 pkru;

static u32 host_rdpkru(void)
{
    return pkru;
}

static u64 guest_cr3(void)
{
    return cr3;
}

static u64 guest_cr4(void)
{
    return cr4;
}

#include "runtime/domu/walk.c"

#define RAM_END MIB(2)                  /* all of memory; frames beyond it do not exist */

u64 hv_base, hv_size, direct_map;
u64 host_ram[RAM_END / 8];
static u64 hidden_lo, hidden_hi, pool_lo, pool_hi;

bool region_is_ram(u64 lo, u64 hi)
{
    return hi <= RAM_END && (hi <= hidden_lo || lo >= hidden_hi) && (hi <= pool_lo || lo >= pool_hi);
}

u32 pool_at(u64 physical)
{
    return physical >= pool_lo && physical < pool_hi ? 0 : POOLS_MAX;
}

void host_machine(u64 hidden, u64 hidden_end, u64 pool, u64 pool_end)
{
    hidden_lo = hidden;
    hidden_hi = hidden_end;
    pool_lo = pool;
    pool_hi = pool_end;
    direct_map = (u64)host_ram;
}

void host_caller(u64 root, bool la57, bool keys, u32 rights)
{
    cr3 = root;
    cr4 = (la57 ? CR4_LA57 : 0) | (keys ? CR4_PKE : 0);
    pkru = rights;
}

/* All pieces of a range in one walk, as the callers do it: sizes and frames until the end or a missing page. */
u32 host_range(bool other, bool write, u64 address, u64 size, u64 *bytes, u64 *frames)
{
    struct walk walk = other ? walk_other(cr3) : walk_caller(write);
    u32 count = 0;
    for (u64 done = 0; done < size; done += bytes[count++])
        if (!(bytes[count] = walk_span(&walk, address + done, size - done, &frames[count])))
            break;
    return count;
}
