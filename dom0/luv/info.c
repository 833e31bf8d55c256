#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "luv.h"
#include "luvalley_abi.h"

static const char *const facts[] = {"interface", "CPUs started", "hidden memory at", "hidden memory, bytes"};

static void print_pools(void)
{
    uint64_t pools = 0, facts[LUV_INFO_PER_POOL];

    ask_luvalley(LUV_INFO_POOLS, &pools);
    for (uint64_t pool = 0; pool < pools; pool++) {
        for (unsigned i = 0; i < LUV_INFO_PER_POOL; i++)
            ask_luvalley((uint32_t)(LUV_INFO_POOL_BASE + LUV_INFO_PER_POOL * pool + i), &facts[i]);
        printf("pool %" PRIu64 ": at 0x%" PRIx64 ", %" PRIu64 " MiB, %" PRIu64 " free\n", pool, facts[0], facts[1] >> 20,
               facts[LUV_INFO_POOL_FREE - LUV_INFO_POOL_BASE] * 2);
    }
    if (!pools)
        printf("pool: none; pool=512M on Luvalley's command line keeps memory for guests\n");
}

int print_info(int count, char **arguments)
{
    (void)arguments;
    if (!is_ready("info", count, 0, false))
        return LUV_FAILED;
    for (unsigned which = 0; which < sizeof facts / sizeof *facts; which++) {
        uint64_t value;
        int64_t status = ask_luvalley(which, &value);

        if (status == -ENOENT || status == -EACCES || status == -EPERM)
            return complain("info is for root, and for the group kvm after root's `luv open`.");
        if (status)
            return complain("the hypercall info(%u) failed with %" PRId64 ".", which, status);
        printf("%s: %s%" PRIx64 "\n", facts[which], "0x", value);
    }
    print_pools();
    return 0;
}
