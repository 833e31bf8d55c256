#include "luvalley/hypercall.h"

#include <cpuid.h>
#include <errno.h>
#include <string.h>

#include "api/log.h"
#include "dom0/token.h"
#include "generated/x86/x86.h"
#include "luvalley_abi.h"

static int64_t execute_vmcall(const struct hypercall *call, uint64_t *value)
{
    register uint64_t r10 __asm__("r10") = call->r10;
    register uint64_t r8 __asm__("r8") = call->secret[0];
    register uint64_t r9 __asm__("r9") = call->secret[1];
    int64_t status;

    __asm__ volatile("vmcall"
                     : "=a"(status), "=d"(*value)
                     : "0"(call->rax), "1"(call->rdx), "D"(call->rdi), "S"(call->rsi), "r"(r10), "r"(r8), "r"(r9)
                     : "memory", "cc");
    return status;
}

int64_t (*luv_hypercall)(const struct hypercall *, uint64_t *) = execute_vmcall;

int64_t hypercall_until_done(const struct hypercall *call, uint64_t *value)
{
    int64_t status;

    do
        status = luv_hypercall(call, value);
    while (status == -EAGAIN);
    return status;
}

struct hypercall make_hypercall(uint32_t number, const uint64_t secret[2])
{
    return (struct hypercall){.rax = (uint64_t)LUV_HYPERCALL_MAGIC << 32 | number, .secret = {secret[0], secret[1]}};
}

bool is_luvalley_present(void)
{
    uint32_t eax, ebx, ecx, edx;
    uint32_t signature[3];

    __cpuid(1, eax, ebx, ecx, edx);
    if (!(ecx & CPUID_HYPERVISOR))
        return false;
    __cpuid(LUV_CPUID_LEAF, eax, signature[0], signature[1], signature[2]);
    return !memcmp(signature, LUV_CPUID_SIGNATURE, sizeof signature);
}

uint64_t luv_token[2];

int load_token(void)
{
    int error = read_luv_token(luv_token);

    if (error == -ENOENT)
        log_line("Luvalley is closed to guests: root opens it with `luv open`, as the service luvalley does at boot.");
    else if (error == -EACCES)
        log_line("only the group " LUV_TOKEN_GROUP
                 " may run guests on Luvalley, and this user is not in it: usermod -aG " LUV_TOKEN_GROUP " USER.");
    else if (error)
        log_line(LUV_TOKEN_FILE " cannot be read: error %d.", -error);
    return error;
}

uint64_t get_info(uint32_t which)
{
    struct hypercall call = make_hypercall(LUV_HYPERCALL_info, luv_token);
    uint64_t value;

    call.rdi = which;
    return luv_hypercall(&call, &value) ? 0 : value;
}
