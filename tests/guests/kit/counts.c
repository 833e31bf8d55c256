/*
 * Print how often each VM exit and each branch was taken: the lines of tests/userspace/counts.c, for the record of a run.
 * Only a guest that is built with the instrumented build's header prints them, and only under that build.
 */
#include "kit.h"

#include "luvalley_abi.h"

#ifdef LUV_HYPERCALL_branch_count

static void print_exits(u64 cpu)
{
    struct hypercall_result exits;

    for (u64 reason = 0; !(exits = hypercall(LUV_HYPERCALL_exit_count, cpu, reason)).status; reason++)
        if (exits.value)
            print("@luv exits %u %u %u\n", cpu, reason, exits.value);
}

static void print_branches(void)
{
    struct hypercall_result branches;

    for (u64 branch = 0; !(branches = hypercall(LUV_HYPERCALL_branch_count, branch, 0)).status; branch++)
        if (branches.value)
            print("@luv branch %u %u\n", branch, branches.value);
}

void print_counts(void)
{
    if (!is_hypervised() || hypercall(LUV_HYPERCALL_branch_count, 0, 0).status)
        return;
    u64 cpus = hypervisor_info(LUV_INFO_CPUS);
    for (u64 cpu = 0; cpu < cpus; cpu++)
        print_exits(cpu);
    print_branches();
    print("@luv counted\n");
}
#else
void print_counts(void)
{
}
#endif
