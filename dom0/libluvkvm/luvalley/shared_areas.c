#define _GNU_SOURCE
#include "luvalley/shared_areas.h"

#include <errno.h>
#include <sys/mman.h>

#include "luvalley/reclaim.h"
#include "memory/pages.h"

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

int make_shared_area(struct vmcall_vm *vm, uint8_t **area, uint64_t *offset)
{
    int error = 0;

    if (!(vm->shared_count % SHARED_AREAS_PER_SUPERPAGE)) {
        error = allocate_superpage(vm, &vm->shared_superpage);
        if (!error)
            error = map_shared_areas(vm);
        if (error)
            return error;
    }
    *offset = vm->shared_count++ % SHARED_AREAS_PER_SUPERPAGE * sizeof(struct luv_shared_area);
    *area = vm->shared_areas + *offset;
    *offset += vm->shared_superpage * SUPERPAGE_BYTES;
    return touch_pages(*area, sizeof(struct luv_shared_area), true) ? 0 : -EFAULT;
}
