#include "luvalley/windows.h"

#include <stdlib.h>
#include <string.h>

/* The first that is not below a number. */
static uint32_t find_place(const struct windows *windows, uint64_t number)
{
    uint32_t low = 0, high = windows->count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (windows->all[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct window *find_window(const struct windows *windows, uint64_t number)
{
    uint32_t place = find_place(windows, number);

    return place < windows->count && windows->all[place].number == number ? &windows->all[place] : NULL;
}

static bool make_room(struct windows *windows)
{
    uint32_t room = windows->room ? 2 * windows->room : 64;
    struct window *new_all;

    if (windows->count < windows->room)
        return true;
    new_all = realloc(windows->all, room * sizeof *new_all);
    if (!new_all)
        return false;
    windows->all = new_all;
    windows->room = room;
    return true;
}

struct window *add_window(struct windows *windows, uint64_t number, uint64_t superpage)
{
    uint32_t place = find_place(windows, number);

    if (!make_room(windows))
        return NULL;
    memmove(&windows->all[place + 1], &windows->all[place], (windows->count - place) * sizeof *windows->all);
    windows->count++;
    windows->all[place] = (struct window){.number = number, .superpage = superpage};
    return &windows->all[place];
}

void remove_window(struct windows *windows, struct window *window)
{
    uint32_t place = (uint32_t)(window - windows->all);

    windows->count--;
    memmove(window, window + 1, (windows->count - place) * sizeof *window);
}

/* --- Sets of a window's pages --- */

bool has_page(const uint64_t bits[8], unsigned page)
{
    return bits[page / 64] >> (page % 64) & 1;
}

void set_pages(uint64_t bits[8], unsigned first, unsigned end, bool value)
{
    for (unsigned page = first; page < end; page++) {
        uint64_t bit = 1ull << (page % 64);

        bits[page / 64] = value ? bits[page / 64] | bit : bits[page / 64] & ~bit;
    }
}

bool find_run(const uint64_t bits[8], bool wanted, unsigned *first, unsigned end, unsigned *run_end)
{
    unsigned page = *first;

    while (page < end && has_page(bits, page) != wanted)
        page++;
    *first = page;
    while (page < end && has_page(bits, page) == wanted)
        page++;
    *run_end = page;
    return *first < end;
}

bool is_empty(const struct window *window)
{
    uint64_t any = 0;

    for (unsigned i = 0; i < 8; i++)
        any |= window->moved[i];
    return !any;
}

bool forget_pages(struct windows *windows, uint64_t address, uint64_t size)
{
    uint64_t end = address + size;
    bool lost = false;

    for (uint32_t i = find_place(windows, address >> WINDOW_SHIFT); i < windows->count; i++) {
        struct window *window = &windows->all[i];
        uint64_t start = window->number << WINDOW_SHIFT, first = address > start ? address - start : 0;

        if (start >= end)
            break;
        size = end - start < WINDOW_BYTES ? end - start : WINDOW_BYTES;
        set_pages(window->moved, (unsigned)(first >> 12), (unsigned)((size + 4095) >> 12), false);
        lost |= is_empty(window);
    }
    return lost;
}
