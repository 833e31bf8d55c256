/* Move the VMM's memory to superpages of the pool, at the same addresses and with its contents. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "api/log.h"
#include "luvalley/move.h"
#include "luvalley/reclaim.h"
#include "memory/pages.h"

#define PAGE_SHIFT 12

/* Pages of one window: `first` to `end`. */
struct part {
    struct window *window;
    unsigned first, end;
};

static uint8_t *get_address(const struct part *part)
{
    return (uint8_t *)((part->window->number << WINDOW_SHIFT) + ((uint64_t)part->first << PAGE_SHIFT));
}

static size_t get_bytes(const struct part *part)
{
    return (size_t)(part->end - part->first) << PAGE_SHIFT;
}

static uint64_t get_offset(const struct part *part)
{
    return part->window->superpage * SUPERPAGE_BYTES + ((uint64_t)part->first << PAGE_SHIFT);
}

/* --- One part of a window --- */

/* Which pages' contents must be carried: a superpage is zero where it was never used, memory where it was never touched. Bit 0 is the
 * part's first page. */
static bool find_contents(const struct part *part, const struct mapping *old, uint64_t bits[8])
{
    bool any = false;

    find_present(get_address(part), part->end - part->first, bits);
    for (unsigned page = part->first; page < part->end; page++) {
        if (!old->anonymous || has_page(part->window->used, page))
            set_pages(bits, page - part->first, page - part->first + 1, true);
        any |= has_page(bits, page - part->first);
    }
    return any;
}

static int copy_contents(struct vmcall_vm *vm, const struct part *part, const uint64_t bits[8])
{
    uint8_t *from = get_address(part),
            *to = map_pages(NULL, get_bytes(part), PROT_READ | PROT_WRITE, MAP_SHARED, vm->pool.fd, get_offset(part));

    if (to == MAP_FAILED)
        return -errno;
    for (unsigned page = 0; page < part->end - part->first; page++)
        if (has_page(bits, page))
            memcpy(to + ((size_t)page << PAGE_SHIFT), from + ((size_t)page << PAGE_SHIFT), 1 << PAGE_SHIFT);
    unmap_pages(to, get_bytes(part));
    return 0;
}

static int lay_over(struct vmcall_vm *vm, const struct part *part, int protection)
{
    uint8_t *address = get_address(part);

    if (map_pages(address, get_bytes(part), protection, MAP_SHARED | MAP_FIXED, vm->pool.fd, get_offset(part)) == MAP_FAILED)
        return -errno;
    madvise(address, get_bytes(part), MADV_DONTFORK);
    set_pages(part->window->moved, part->first, part->end, true);
    set_pages(part->window->used, part->first, part->end, true);
    return touch_pages(address, get_bytes(part), protection & PROT_WRITE) ? 0 : -EFAULT;
}

static int move_part(struct vmcall_vm *vm, const struct part *part, const struct mapping *old)
{
    uint64_t bits[8];
    int error = 0;

    if (find_contents(part, old, bits))
        error = copy_contents(vm, part, bits);
    return error ? error : lay_over(vm, part, old->protection);
}

/* --- Ranges --- */

static int get_window(struct vmcall_vm *vm, uint64_t number, struct window **window)
{
    uint64_t superpage;
    int error;

    *window = find_window(&vm->windows, number);
    if (*window)
        return 0;
    error = allocate_superpage(vm, &superpage);
    if (error)
        return error;
    *window = add_window(&vm->windows, number, superpage);
    return *window ? 0 : -ENOMEM;
}

static int refuse(uint64_t address, uint64_t size, const struct mapping *mapping, bool known)
{
    if (!known || !(mapping->protection & PROT_READ)) {
        log_line("memory at 0x%llx, 0x%llx bytes, is not one readable mapping: EINVAL", (unsigned long long)address,
                 (unsigned long long)size);
        return -EINVAL;
    }
    log_line("memory at 0x%llx is a shared mapping (%s), which cannot be moved to the pool: EINVAL; use memory backends "
             "without share=on.",
             (unsigned long long)address, mapping->name[0] ? mapping->name : "without a file");
    return -EINVAL;
}

/* None of it is moved yet. */
static int move_unmoved(struct vmcall_vm *vm, uint64_t address, uint64_t end)
{
    struct mapping old = {0};
    bool known = find_mapping(address, end - address, &old);

    if (!known || old.shared || !(old.protection & PROT_READ))
        return refuse(address, end - address, &old, known);
    while (address < end) {
        uint64_t start = address & ~(WINDOW_BYTES - 1), stop = start + WINDOW_BYTES < end ? start + WINDOW_BYTES : end;
        struct part part = {.first = (unsigned)((address - start) >> PAGE_SHIFT),
                            .end = (unsigned)((stop - start) >> PAGE_SHIFT)};
        int error = get_window(vm, address >> WINDOW_SHIFT, &part.window);

        if (!error)
            error = move_part(vm, &part, &old);
        if (error)
            return error;
        address = stop;
    }
    return 0;
}

static bool is_moved(const struct vmcall_vm *vm, uint64_t address)
{
    const struct window *window = find_window(&vm->windows, address >> WINDOW_SHIFT);

    return window && has_page(window->moved, (unsigned)(address >> PAGE_SHIFT) % WINDOW_PAGES);
}

/* The end of the pages that are alike; a whole window at once where there is none. */
static uint64_t find_end(const struct vmcall_vm *vm, uint64_t address, uint64_t end, bool moved)
{
    while (address < end && is_moved(vm, address) == moved) {
        bool whole = !moved && !find_window(&vm->windows, address >> WINDOW_SHIFT);

        address = whole ? (address | (WINDOW_BYTES - 1)) + 1 : address + (1 << PAGE_SHIFT);
    }
    return address < end ? address : end;
}

int move_range(struct vmcall_vm *vm, uint64_t address, uint64_t size)
{
    uint64_t end = address + size;

    while (address < end) {
        bool moved = is_moved(vm, address);
        uint64_t stop = find_end(vm, address, end, moved);
        int error = moved ? 0 : move_unmoved(vm, address, stop);

        if (error)
            return error;
        address = stop;
    }
    return 0;
}

/* --- Back --- */

/* The domain ends, the process continues: its memory becomes anonymous again. */
static void return_part(const struct part *part)
{
    uint8_t *address = get_address(part);
    void *copy = map_pages(NULL, get_bytes(part), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (copy == MAP_FAILED)
        return;
    memcpy(copy, address, get_bytes(part));
    if (mremap(copy, get_bytes(part), get_bytes(part), MREMAP_MAYMOVE | MREMAP_FIXED, address) == MAP_FAILED)
        unmap_pages(copy, get_bytes(part));
}

void move_back(struct vmcall_vm *vm)
{
    for (uint32_t i = 0; i < vm->windows.count; i++) {
        struct part part = {.window = &vm->windows.all[i]};

        for (; find_run(part.window->moved, true, &part.first, WINDOW_PAGES, &part.end); part.first = part.end)
            return_part(&part);
    }
    vm->windows.count = 0;
}
