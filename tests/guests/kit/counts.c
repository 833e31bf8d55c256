/*
 * What has left this guest, and which arms were taken: the lines of dom0/counts.c, for the record of a run.
 * Only a guest that is built with the instrumented build's header says it, and only to that build.
 */
#include "kit.h"

#include "luvalley_abi.h"

#ifdef LUV_HYPERCALL_arm_count
enum { INFO_CPUS = 1 };

static void print_exits(u64 cpu)
{
    struct hypercall_result exits;

    for (u64 reason = 0; !(exits = hypercall(LUV_HYPERCALL_exit_count, cpu, reason, 0)).status; reason++)
        if (exits.value)
            print("@luv exits %u %u %u\n", cpu, reason, exits.value);
}

static void print_arms(void)
{
    struct hypercall_result arms;

    for (u64 arm = 0; !(arms = hypercall(LUV_HYPERCALL_arm_count, arm, 0, 0)).status; arm++)
        if (arms.value)
            print("@luv arm %u %u\n", arm, arms.value);
}

void print_counts(void)
{
    if (!is_hypervised() || hypercall(LUV_HYPERCALL_arm_count, 0, 0, 0).status)
        return;
    u64 cpus = hypervisor_info(INFO_CPUS);
    for (u64 cpu = 0; cpu < cpus; cpu++)
        print_exits(cpu);
    print_arms();
    print("@luv counted\n");
}
#else
void print_counts(void)
{
}
#endif
