/*
 * dom0's self-check: does Luvalley run this machine, and does what it reports agree with what Linux sees?
 *
 *   selfcheck          exit status 0 if all is consistent, else 1 and one sentence
 *   selfcheck --bare   the same without Luvalley: 1 if it is there after all
 *   selfcheck --tick   print the time stamp counter and nothing else
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>

#include "generated/x86/x86.h"
#include "luvalley_abi.h"
#include "tests/userspace/root.h"

/* End the program with one sentence on what is wrong. */
__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("selfcheck: ", stdout);
    vprintf(format, arguments);
    putchar('\n');
    exit(1);
}

/* Move to one CPU. */
static bool move_to(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0;
}

static uint64_t ask(enum luv_info which)
{
    uint64_t value;
    int64_t status = call_as_root(LUV_HYPERCALL_info, which, 0, &value);

    if (status)
        fail("the hypercall info(%d) failed with %" PRId64 ".", which, status);
    return value;
}

/* Does Luvalley run this CPU? Its signature is in the first hypervisor leaf. */
static bool detect(void)
{
    uint32_t eax, ebx, ecx, edx;
    char signature[13] = "";

    __cpuid(1, eax, ebx, ecx, edx);
    if (!(ecx & CPUID_HYPERVISOR))
        return false;
    __cpuid(LUV_CPUID_LEAF, eax, ebx, ecx, edx);
    memcpy(signature, &ebx, 4);
    memcpy(signature + 4, &ecx, 4);
    memcpy(signature + 8, &edx, 4);
    if (strcmp(signature, LUV_CPUID_SIGNATURE))
        fail("the hypervisor's signature is \"%s\".", signature);
    return true;
}

/* Does Luvalley run all CPUs that are online, or none? */
static bool detect_everywhere(void)
{
    int first = -1, cpus = (int)sysconf(_SC_NPROCESSORS_CONF);
    bool present = false;

    for (int cpu = 0; cpu < cpus; cpu++) {
        if (!move_to(cpu))
            continue;
        if (first < 0) {
            first = cpu;
            present = detect();
        } else if (detect() != present) {
            fail("Luvalley runs CPU %d and does not run CPU %d.", present ? first : cpu, present ? cpu : first);
        }
    }
    return present;
}

static void check_abi(void)
{
    uint32_t eax, ebx, ecx, edx;

    __cpuid(LUV_CPUID_LEAF + 1, eax, ebx, ecx, edx);
    if (eax != 1)
        fail("CPUID says hypercall ABI %u, this program knows 1.", eax);
    if (ask(LUV_INFO_VERSION) != eax)
        fail("CPUID says hypercall ABI %u, the hypercall %" PRIu64 ".", eax, ask(LUV_INFO_VERSION));
}

static void check_cpus(uint64_t online)
{
    uint64_t started = ask(LUV_INFO_CPUS);

    printf("cpus started: %" PRIu64 "\n", started);
    if (started < online)
        fail("Linux has %" PRIu64 " CPUs online, Luvalley started %" PRIu64 ".", online, started);
}

/* Compare the hidden range with Linux's map: inside one Reserved entry, no byte of it System RAM. */
static void check_memory(void)
{
    uint64_t base = ask(LUV_INFO_HIDDEN_BASE), end = base + ask(LUV_INFO_HIDDEN_SIZE), low, high;
    FILE *map = fopen("/proc/iomem", "r");
    bool reserved = false;
    char line[256], name[128];

    printf("memory hidden: 0x%" PRIx64 "-0x%" PRIx64 " (%" PRIu64 " KiB)\n", base, end - 1, (end - base) / 1024);
    if (!map)
        fail("/proc/iomem cannot be read.");
    while (fgets(line, sizeof line, map)) {
        if (line[0] == ' ' || sscanf(line, "%" SCNx64 "-%" SCNx64 " : %127[^\n]", &low, &high, name) != 3)
            continue;
        if (!strcmp(name, "System RAM") && low < end && base <= high)
            fail("the hidden range overlaps System RAM at 0x%" PRIx64 "-0x%" PRIx64 ".", low, high);
        reserved |= !strcmp(name, "Reserved") && low <= base && end - 1 <= high;
    }
    fclose(map);
    if (end <= base || !reserved)
        fail("no Reserved entry of /proc/iomem holds the hidden range.");
    printf("hidden reads: %" PRIu64 "\nhidden writes: %" PRIu64 "\n", ask(LUV_INFO_HIDDEN_READS), ask(LUV_INFO_HIDDEN_WRITES));
}

/* Print the exits by reason, summed over the CPUs. */
static void print_exits(void)
{
    uint64_t reasons = ask(LUV_INFO_EXIT_REASONS), cpus = ask(LUV_INFO_CPUS), all = 0;

    if (reasons != sizeof luv_exit_names / sizeof *luv_exit_names)
        fail("Luvalley counts %" PRIu64 " exit reasons, this program knows %zu.", reasons,
             sizeof luv_exit_names / sizeof *luv_exit_names);
    for (uint64_t reason = 0; reason < reasons; reason++) {
        uint64_t sum = 0, count;

        for (uint64_t cpu = 0; cpu < cpus; cpu++) {
            if (call_as_root(LUV_HYPERCALL_exit_count, cpu, reason, &count))
                fail("the exits of CPU %" PRIu64 " for reason %" PRIu64 " cannot be read.", cpu, reason);
            sum += count;
        }
        if (sum)
            printf("exits %s: %" PRIu64 "\n", luv_exit_names[reason] ? luv_exit_names[reason] : "?", sum);
        all += sum;
    }
    printf("exits in all: %" PRIu64 "\n", all);
    if (!all)
        fail("Luvalley counted no exit at all.");
}

int main(int count, char **arguments)
{
    const char *option = count > 1 ? arguments[1] : "";
    uint64_t online = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
    bool present;

    if (!strcmp(option, "--tick")) {
        printf("@luv init-tick %llu\n", __rdtsc());
        return 0;
    }
    present = detect_everywhere();
    printf("cpus online: %" PRIu64 "\n", online);
    if (!strcmp(option, "--bare")) {
        if (present)
            fail("Luvalley runs this machine, and should not.");
        puts("Luvalley does not run this machine: it is bare.");
        return 0;
    }
    if (!present)
        fail("Luvalley does not run this machine: it is bare.");
    check_abi();
    check_cpus(online);
    check_memory();
    print_exits();
    puts("selfcheck: all is consistent.");
    return 0;
}
