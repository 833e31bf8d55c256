/*
 * Print how often each VM exit and, in an instrumented build, each branch was taken: lines for the record of a run.
 *
 *   @luv exits CPU REASON COUNT    for each that is not zero
 *   @luv branch NUMBER COUNT       the same, from an instrumented build
 *   @luv counted                   the last line
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#include "luvalley_abi.h"
#include "tests/userspace/root.h"

static void print_exits(uint64_t cpu)
{
    uint64_t count;

    for (uint64_t reason = 0; !call_as_root(LUV_HYPERCALL_exit_count, cpu, reason, &count); reason++)
        if (count)
            printf("@luv exits %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", cpu, reason, count);
}

static void print_branches(void)
{
#ifdef LUV_HYPERCALL_branch_count
    uint64_t count;

    for (uint64_t branch = 0; !call_as_root(LUV_HYPERCALL_branch_count, branch, 0, &count); branch++)
        if (count)
            printf("@luv branch %" PRIu64 " %" PRIu64 "\n", branch, count);
#endif
}

int main(void)
{
    uint64_t cpus;

    if (call_as_root(LUV_HYPERCALL_info, LUV_INFO_CPUS, 0, &cpus))
        return 1;
    for (uint64_t cpu = 0; cpu < cpus; cpu++)
        print_exits(cpu);
    print_branches();
    puts("@luv counted");
    return 0;
}
