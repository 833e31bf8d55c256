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

#define ANY_FRAME ~0ull
#define PATIENCE 5 /* seconds for what only needs another call */

void kick_all(void)
{
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

static int64_t ask_frame(struct vmcall_vm *vm, uint64_t hint, uint64_t *frame)
{
    struct gate_call call = make_domain_call(vm, LUV_HYPERCALL_frame_claim, hint, 0);

    return call_until_done(&call, frame);
}

int claim_frame(struct vmcall_vm *vm, uint64_t *frame)
{
    int64_t status = ask_frame(vm, vm->last_frame + 1, frame);

    if (status == -ENOMEM && vm->has_empty) {
        release_empty(vm);
        status = ask_frame(vm, ANY_FRAME, frame);
    }
    if (status == -ENOMEM)
        log_line("the pool of %s is used up: pool= on Luvalley's command line says how much memory guests have.",
                 vm->pool.path);
    else if (status)
        log_line("Luvalley gives no frame of the pool: error %lld.", (long long)-status);
    else
        vm->last_frame = *frame;
    return (int)status;
}

bool release_frame(struct vmcall_vm *vm, uint64_t frame)
{
    struct gate_call call = make_domain_call(vm, LUV_HYPERCALL_frame_release, frame, 0);
    uint64_t value;
    int64_t status;

    for (int tries = 0; (status = luv_gate(&call, &value)) == -EAGAIN && tries < 1000; tries++)
        kick_all();
    return !status;
}

/* --- Blocks --- */

static int map_blocks(struct vmcall_vm *vm)
{
    uint64_t size = 2 * FRAME_BYTES, start;
    uint8_t *room = map_pages(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (room == MAP_FAILED)
        return -errno;
    start = ((uint64_t)room + FRAME_BYTES - 1) & ~(FRAME_BYTES - 1);
    vm->blocks = map_pages((void *)start, FRAME_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, vm->pool.fd,
                           vm->block_frame * FRAME_BYTES);
    if (vm->blocks == MAP_FAILED)
        return -errno;
    madvise(vm->blocks, FRAME_BYTES, MADV_DONTFORK);
    return 0;
}

/* A new one, all zero, its pages present. */
int make_block(struct vmcall_vm *vm, uint8_t **block, uint64_t *offset)
{
    int error = 0;

    if (!(vm->block_count % BLOCKS_PER_FRAME)) {
        error = claim_frame(vm, &vm->block_frame);
        if (!error)
            error = map_blocks(vm);
        if (error)
            return error;
    }
    *offset = vm->block_count++ % BLOCKS_PER_FRAME * LUV_BLOCK_SIZE;
    *block = vm->blocks + *offset;
    *offset += vm->block_frame * FRAME_BYTES;
    return touch_pages(*block, LUV_BLOCK_SIZE, true) ? 0 : -EFAULT;
}

/* --- The end --- */

void destroy_domain(struct vmcall_vm *vm)
{
    struct gate_call call = make_domain_call(vm, LUV_HYPERCALL_domain_destroy, 0, 0);
    time_t start = time(NULL);
    uint64_t value;
    int64_t status;

    while ((status = luv_gate(&call, &value)) == -EAGAIN && time(NULL) - start < PATIENCE)
        kick_all();
    if (status)
        log_line("Luvalley does not destroy the domain 0x%llx: error %lld.", (unsigned long long)vm->handle,
                 (long long)-status);
}
