/*
 * Which of this process's memory lies in superpages of the pool: windows of 2 MiB of its address space, a superpage each. A page at some offset
 * in its window is at the same offset in its superpage, so what is contiguous here is contiguous there, whatever slots say.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define WINDOW_SHIFT 21
#define WINDOW_BYTES (1ull << WINDOW_SHIFT)
#define WINDOW_PAGES 512u

struct window {
    uint64_t number; /* address >> 21 */
    uint64_t superpage;
    uint64_t moved[8]; /* pages that are the superpage's now */
    uint64_t used[8];  /* pages that have ever been: they are not zero in the superpage */
};

struct windows {
    struct window *all; /* sorted by number */
    uint32_t count, room;
};

/* NULL if there is none. Pointers hold until the next addition or removal. */
struct window *find_window(const struct windows *windows, uint64_t number);

/* NULL: out of memory. It must not be there yet. */
struct window *add_window(struct windows *windows, uint64_t number, uint64_t superpage);

void remove_window(struct windows *windows, struct window *window);

/* The process has unmapped these addresses. True if a window has lost its last page. */
bool forget_pages(struct windows *windows, uint64_t address, uint64_t size);

bool is_empty(const struct window *window);
bool has_page(const uint64_t bits[8], unsigned page);
void set_pages(uint64_t bits[8], unsigned first, unsigned end, bool value);

/* The first run of pages from `first` on, below `end`, that are (or are not) in the set; false: none. */
bool find_run(const uint64_t bits[8], bool wanted, unsigned *first, unsigned end, unsigned *run_end);
