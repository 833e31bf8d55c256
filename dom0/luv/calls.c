/* Calls to Luvalley: as anyone, with a secret, and as root. */
#include <cpuid.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <time.h>

#include "dom0/token.h"
#include "luv.h"
#include "luvalley_abi.h"
#include "generated/x86/x86.h"

#define PORT_BYTES 4
#define PATIENCE 5 /* seconds */
#define FIRST_HANDLE 0x10000 /* all handles are above the numbers of places */

bool is_luvalley_present(void)
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
    return !strcmp(signature, LUV_CPUID_SIGNATURE);
}

static uint64_t make_number(uint32_t number)
{
    return (uint64_t)LUV_HYPERCALL_MAGIC << 32 | number;
}

static int64_t call_with(const uint64_t secret[2], uint32_t number, uint64_t first, uint64_t second, uint64_t *value)
{
    uint64_t status = make_number(number);
    register uint64_t r10 __asm__("r10") = 0;
    register uint64_t r8 __asm__("r8") = secret[0];
    register uint64_t r9 __asm__("r9") = secret[1];

    __asm__ volatile("vmcall"
                     : "+a"(status), "=d"(*value)
                     : "D"(first), "S"(second), "1"(0ull), "r"(r10), "r"(r8), "r"(r9)
                     : "memory", "cc");
    return (int64_t)status;
}

/* The kernel lets only root write ports: that it comes through is the proof. */
bool become_root(void)
{
    return !ioperm(LUV_ROOT_PORT, PORT_BYTES, 1);
}

int64_t call_as_root(uint32_t number, uint64_t first, uint64_t second, uint64_t *value)
{
    uint64_t status = make_number(number);
    register uint64_t r10 __asm__("r10") = 0;

    __asm__ volatile("outl %%eax, %%dx"
                     : "+a"(status), "=d"(*value)
                     : "1"((uint64_t)LUV_ROOT_PORT), "D"(first), "S"(second), "r"(r10)
                     : "memory", "cc");
    return (int64_t)status;
}

int64_t ask_luvalley(uint32_t which, uint64_t *value)
{
    uint64_t token[2] = {0};
    int error;

    if (become_root())
        return call_as_root(LUV_HYPERCALL_info, which, 0, value);
    error = read_luv_token(token);
    return error ? error : call_with(token, LUV_HYPERCALL_info, which, 0, value);
}

int64_t destroy_domain(const uint64_t secret[2], uint64_t handle)
{
    time_t start = time(NULL);
    uint64_t value;
    int64_t status;

    do
        status = secret ? call_with(secret, LUV_HYPERCALL_domain_destroy, handle, 0, &value)
                        : call_as_root(LUV_HYPERCALL_domain_destroy, handle, 0, &value);
    while (status == -EAGAIN && time(NULL) - start < PATIENCE);
    return status;
}

uint64_t find_domain(const char *name)
{
    char *end;
    uint64_t number = strtoull(name, &end, 0), handle = 0;

    if (*end || end == name)
        complain("%s is no domain: a number or handle of `luv list` is wanted.", name);
    else if (number >= FIRST_HANDLE || !call_as_root(LUV_HYPERCALL_domain_list, number, 0, &handle))
        return handle ? handle : number;
    else
        complain("there is no domain %s.", name);
    return 0;
}

bool is_ready(const char *command, int count, int max, bool root)
{
    if (count > max)
        complain(max ? "%s takes one argument." : "%s takes no arguments.", command);
    else if (!is_luvalley_present())
        complain("Luvalley does not run this machine, which is bare or another hypervisor's.");
    else if (root && !become_root())
        complain("%s is for root: it is about other users' guests.", command);
    else
        return true;
    return false;
}
