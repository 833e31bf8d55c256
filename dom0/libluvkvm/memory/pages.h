/* The kernel's calls on memory, by themselves: the library's own hooks of them must not see what it does itself. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* MAP_FAILED as mmap. */
void *map_pages(void *address, size_t size, int protection, int flags, int fd, uint64_t offset);
void unmap_pages(void *address, size_t size);

/* Make every page present, writable where `write`; false if the kernel will not. */
bool touch_pages(void *address, size_t size, bool write);

/* Which of `count` pages (at most 512) have contents: bits. All, if the kernel does not report it. */
void find_present(const void *address, unsigned count, uint64_t bits[8]);

/* What a range of addresses is; false where a part of it is nothing, or parts differ. */
struct mapping {
    int protection;
    bool shared, anonymous;
    char name[128];
};
bool find_mapping(uint64_t address, uint64_t size, struct mapping *mapping);
