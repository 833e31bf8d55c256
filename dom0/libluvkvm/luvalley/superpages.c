#define _GNU_SOURCE
#include "luvalley/superpages.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "luvalley_abi.h"

void kick_all(void)
{
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

int claim_superpage(struct vmcall_vm *vm, uint64_t hint, uint64_t *superpage)
{
    struct hypercall call = make_domain_call(vm, LUV_HYPERCALL_superpage_claim, hint, 0);

    return (int)hypercall_until_done(&call, superpage);
}

bool release_superpage(struct vmcall_vm *vm, uint64_t superpage)
{
    struct hypercall call = make_domain_call(vm, LUV_HYPERCALL_superpage_release, superpage, 0);
    uint64_t value;
    int64_t status;

    for (int tries = 0; (status = luv_hypercall(&call, &value)) == -EAGAIN && tries < 1000; tries++)
        kick_all();
    return !status;
}
