/*
 * Run by root in dom0, on each CPU: CPUID loops, MSRs, hidden memory by /dev/mem, hypercalls. Prints `ok` and `not ok`
 * lines as guests do; exit status 1 after a `not ok`.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <unistd.h>
#include <x86intrin.h>

#include "generated/x86/x86.h"
#include "luvalley_abi.h"
#include "tests/userspace/root.h"

#define ROUNDS 20000
#define ONES UINT64_MAX
#define PAGE 4096

static int failures;

static void check(const char *name, uint64_t got, uint64_t wanted)
{
    if (got == wanted) {
        printf("ok %s\n", name);
        return;
    }
    printf("not ok %s: got 0x%" PRIx64 ", wanted 0x%" PRIx64 "\n", name, got, wanted);
    failures++;
}

static int64_t call(uint32_t number, uint64_t argument)
{
    uint64_t status = (uint64_t)LUV_HYPERCALL_MAGIC << 32 | number, value = 0;
    register uint64_t low __asm__("r8") = 0;
    register uint64_t high __asm__("r9") = 0;

    __asm__ volatile("vmcall" : "+a"(status), "+d"(value) : "D"(argument), "S"(0ull), "r"(low), "r"(high) : "memory");
    return (int64_t)status;
}

static uint64_t info(uint32_t which)
{
    uint64_t value = 0;

    return call_as_root(LUV_HYPERCALL_info, which, 0, &value) ? ONES : value;
}

static void check_cpuid(void)
{
    uint32_t eax, ebx, ecx, edx, wrong = 0;
    uint64_t start = __rdtsc();

    for (int i = 0; i < ROUNDS; i++) {
        __cpuid(0, eax, ebx, ecx, edx);
        wrong += ebx != 0x756E6547 || edx != 0x49656E69 || ecx != 0x6C65746E;
    }
    printf("figure cpuid %" PRIu64 "\n", (uint64_t)((__rdtsc() - start) / ROUNDS));
    check("CPUIDs that were wrong", wrong, 0);
    __cpuid(1, eax, ebx, ecx, edx);
    check("vmx and smx hidden, hypervisor shown", ecx & (1u << 5 | 1u << 6 | 1u << 31), 1u << 31);
}

/* 0 and the value, or an error number. */
static int access_msr(int cpu, uint32_t msr, uint64_t *value, bool write)
{
    char path[64];
    snprintf(path, sizeof path, "/dev/cpu/%d/msr", cpu);
    int file = open(path, O_RDWR);
    if (file < 0)
        return errno;
    ssize_t done = write ? pwrite(file, value, 8, msr) : pread(file, value, 8, msr);
    int error = done == 8 ? 0 : errno;
    close(file);
    return error;
}

static void check_msrs(int cpu)
{
    uint64_t value = 0;

    check("IA32_VMX_BASIC cannot be read", access_msr(cpu, IA32_VMX_BASIC, &value, false), EIO);
    check("IA32_FEATURE_CONTROL can", access_msr(cpu, IA32_FEATURE_CONTROL, &value, false), 0);
    check("and is locked with VMX off", value, 1);
    check("IA32_FEATURE_CONTROL cannot be written", access_msr(cpu, IA32_FEATURE_CONTROL, &value, true), EIO);
}

static void check_hidden(void)
{
    uint64_t base = info(LUV_INFO_HIDDEN_BASE), size = info(LUV_INFO_HIDDEN_SIZE), differing = 0, writes;
    int file = open("/dev/mem", O_RDWR | O_SYNC);
    volatile uint64_t *memory = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)base);

    check("hidden memory can be mapped", memory != MAP_FAILED, true);
    if (memory == MAP_FAILED)
        return;
    differing += memory[0] != ONES;
    check("reads of hidden memory are counted", info(LUV_INFO_HIDDEN_READS) > 0, true);
    writes = info(LUV_INFO_HIDDEN_WRITES);
    memory[0] = 1;
    memory[PAGE / 8] = 2;
    memory[size / 8 - 1] = 3;
    *(volatile uint64_t *)((volatile char *)memory + 2 * PAGE - 4) = 4;
    check("writes to hidden memory are counted", info(LUV_INFO_HIDDEN_WRITES) >= writes + 4, true);
    for (uint64_t i = 0; i < size / 8; i++)
        differing += memory[i] != ONES;
    check("hidden quadwords that show something", differing, 0);
    munmap((void *)memory, size);
    close(file);
}

static void check_hypercalls(void)
{
    uint64_t value = 0;

    check("an unknown hypercall", (uint64_t)call(99, 0), (uint64_t)-ENOSYS);
    check("a bad argument", (uint64_t)call_as_root(LUV_HYPERCALL_info, 99, 0, &value), (uint64_t)-EINVAL);
    check("half a token", (uint64_t)call_as_root(LUV_HYPERCALL_token_set, 0, 1, &value), (uint64_t)-EINVAL);
    check("info without a token", (uint64_t)call(LUV_HYPERCALL_info, 0), (uint64_t)-EPERM);
    check("a domain without a token", (uint64_t)call(LUV_HYPERCALL_domain_create, 0), (uint64_t)-EPERM);
    check("the log without root's port", (uint64_t)call(LUV_HYPERCALL_log_read, 0), (uint64_t)-ENOSYS);
    check("counts without root's port", (uint64_t)call(LUV_HYPERCALL_exit_count, 0), (uint64_t)-ENOSYS);
    check("the token without root's port", (uint64_t)call(LUV_HYPERCALL_token_set, 1), (uint64_t)-ENOSYS);
    check("the version", info(0), 1);
}

static sigjmp_buf refused;

static void on_refusal(int signal)
{
    siglongjmp(refused, signal);
}

/* What a process may write with ioperm: string instructions there are not carried out, and nothing stops. */
static void check_string(uint16_t port)
{
    const char bytes[4] = {0};
    const void *place = bytes;
    int signal = sigsetjmp(refused, 1);

    if (!signal && !ioperm(port, 1, 1))
        __asm__ volatile("outsb" : "+S"(place) : "d"(port) : "memory");
    ioperm(port, 1, 0);
    check("OUTS to a trapped port", (uint64_t)signal, SIGSEGV);
}

int main(void)
{
    int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);

    signal(SIGSEGV, on_refusal);
    for (int cpu = 0; cpu < cpus; cpu++) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        check("a CPU to run on", (uint64_t)sched_setaffinity(0, sizeof set, &set), 0);
        check_cpuid();
        check_msrs(cpu);
        check_hidden();
        check_hypercalls();
        check_string(PORT_SYSTEM_CONTROL_A);
        check_string(LUV_ROOT_PORT);
    }
    return failures != 0;
}
