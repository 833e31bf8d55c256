#include "luvalley/reclaim.h"

#include <errno.h>

#include "api/log.h"
#include "luvalley/superpages.h"

void release_empty(struct vmcall_vm *vm)
{
    bool left = false;

    for (uint32_t i = vm->windows.count; i--;) {
        struct window *window = &vm->windows.all[i];

        if (!is_empty(window))
            continue;
        if (release_superpage(vm, window->superpage))
            remove_window(&vm->windows, window);
        else
            left = true;
    }
    vm->has_empty = left;
}

int allocate_superpage(struct vmcall_vm *vm, uint64_t *superpage)
{
    int status = claim_superpage(vm, vm->last_superpage + 1, superpage);

    if (status == -ENOMEM && vm->has_empty) {
        release_empty(vm);
        status = claim_superpage(vm, ANY_SUPERPAGE, superpage);
    }
    if (status == -ENOMEM)
        log_line("the pool of %s is used up: pool= on Luvalley's command line says how much memory guests have.",
                 vm->pool.path);
    else if (status)
        log_line("Luvalley grants no superpage of the pool: error %d.", -status);
    else
        vm->last_superpage = *superpage;
    return status;
}
