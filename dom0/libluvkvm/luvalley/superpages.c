/* Frames of the pool: claimed for a domain, released, and those that hold vCPUs' blocks. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "api/log.h"
#include "luvalley_abi.h"
#include "memory/pages.h"
#include "luvalley/luvalley.h"

#define ANY_SUPERPAGE ~0ull
#define PATIENCE 5 /* seconds for what only needs another call */

void kick_all(void)
{
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

static int64_t request_superpage(struct vmcall_vm *vm, uint64_t hint, uint64_t *superpage)
{
    struct hypercall call = make_domain_call(vm, LUV_HYPERCALL_frame_claim, hint, 0);

    return hypercall_until_done(&call, superpage);
}

int claim_superpage(struct vmcall_vm *vm, uint64_t *superpage)
{
    int64_t status = request_superpage(vm, vm->last_superpage + 1, superpage);

    if (status == -ENOMEM && vm->has_empty) {
        release_empty(vm);
        status = request_superpage(vm, ANY_SUPERPAGE, superpage);
    }
    if (status == -ENOMEM)
        log_line("the pool of %s is used up: pool= on Luvalley's command line says how much memory guests have.",
                 vm->pool.path);
    else if (status)
        log_line("Luvalley gives no superpage of the pool: error %lld.", (long long)-status);
    else
        vm->last_superpage = *superpage;
    return (int)status;
}

bool release_superpage(struct vmcall_vm *vm, uint64_t superpage)
{
    struct hypercall call = make_domain_call(vm, LUV_HYPERCALL_frame_release, superpage, 0);
    uint64_t value;
    int64_t status;

    for (int tries = 0; (status = luv_hypercall(&call, &value)) == -EAGAIN && tries < 1000; tries++)
        kick_all();
    return !status;
}

/* --- Blocks --- */

static int map_shared_areas(struct vmcall_vm *vm)
{
    uint64_t size = 2 * SUPERPAGE_BYTES, start;
    uint8_t *room = map_pages(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (room == MAP_FAILED)
        return -errno;
    start = ((uint64_t)room + SUPERPAGE_BYTES - 1) & ~(SUPERPAGE_BYTES - 1);
    vm->shared_areas = map_pages((void *)start, SUPERPAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, vm->pool.fd,
                                 vm->shared_superpage * SUPERPAGE_BYTES);
    if (vm->shared_areas == MAP_FAILED)
        return -errno;
    madvise(vm->shared_areas, SUPERPAGE_BYTES, MADV_DONTFORK);
    return 0;
}

/* A new one, all zero, its pages present. */
int make_shared_area(struct vmcall_vm *vm, uint8_t **block, uint64_t *offset)
{
    int error = 0;

    if (!(vm->shared_count % SHARED_AREAS_PER_SUPERPAGE)) {
        error = claim_superpage(vm, &vm->shared_superpage);
        if (!error)
            error = map_shared_areas(vm);
        if (error)
            return error;
    }
    *offset = vm->shared_count++ % SHARED_AREAS_PER_SUPERPAGE * LUV_BLOCK_SIZE;
    *block = vm->shared_areas + *offset;
    *offset += vm->shared_superpage * SUPERPAGE_BYTES;
    return touch_pages(*block, LUV_BLOCK_SIZE, true) ? 0 : -EFAULT;
}

/* --- The end --- */

void destroy_domain(struct vmcall_vm *vm)
{
    struct hypercall call = make_domain_call(vm, LUV_HYPERCALL_domain_destroy, 0, 0);
    time_t start = time(NULL);
    uint64_t value;
    int64_t status;

    while ((status = luv_hypercall(&call, &value)) == -EAGAIN && time(NULL) - start < PATIENCE)
        kick_all();
    if (status)
        log_line("Luvalley does not destroy the domain 0x%llx: error %lld.", (unsigned long long)vm->handle,
                 (long long)-status);
}
