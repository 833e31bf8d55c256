#define _GNU_SOURCE
#include "memory/pages.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#define PAGE_BYTES 4096u
#define MAX_PAGES 512u
#define ENTRY_PRESENT (3ull << 62) /* in memory, or swapped out: Linux, Documentation/admin-guide/mm/pagemap.rst */

void *map_pages(void *address, size_t size, int protection, int flags, int fd, uint64_t offset)
{
    return (void *)syscall(SYS_mmap, address, size, protection, flags, fd, offset);
}

void unmap_pages(void *address, size_t size)
{
    syscall(SYS_munmap, address, size);
}

/* A kernel older than 5.14 takes a touch of each page. */
static void touch_each(uint8_t *address, size_t size, bool write)
{
    for (size_t at = 0; at < size; at += PAGE_BYTES) {
        if (write)
            __atomic_fetch_or(address + at, 0, __ATOMIC_RELAXED);
        else
            __atomic_load_n(address + at, __ATOMIC_RELAXED);
    }
}

/* The advice fails for memory that is not there or not writable, and as a whole in an older kernel. */
bool touch_pages(void *address, size_t size, bool write)
{
    int advice = write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ;
    unsigned char here;

    if (!madvise(address, size, advice))
        return true;
    if (!madvise(address, 0, advice) || mincore(address, PAGE_BYTES, &here))
        return false;
    touch_each(address, size, write);
    return true;
}

void find_present(const void *address, unsigned count, uint64_t bits[8])
{
    uint64_t entries[MAX_PAGES];
    int fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    bool known = fd >= 0 && pread(fd, entries, count * 8, (off_t)((uint64_t)address / PAGE_BYTES * 8)) == (ssize_t)count * 8;

    memset(bits, 0, MAX_PAGES / 8);
    for (unsigned i = 0; i < count; i++)
        if (!known || entries[i] & ENTRY_PRESENT)
            bits[i / 64] |= 1ull << (i % 64);
    if (fd >= 0)
        syscall(SYS_close, fd);
}

/* --- /proc/self/maps --- */

struct line {
    uint64_t start, end;
    struct mapping mapping;
};

static bool read_line(FILE *maps, struct line *line)
{
    char text[512], rights[5] = "";
    unsigned long inode;
    int name = 0;

    if (!fgets(text, sizeof text, maps))
        return false;
    if (sscanf(text, "%" SCNx64 "-%" SCNx64 " %4s %*x %*x:%*x %lu %n", &line->start, &line->end, rights, &inode, &name) < 4)
        return false;
    text[strcspn(text, "\n")] = 0;
    line->mapping = (struct mapping){
        .protection = (rights[0] == 'r' ? PROT_READ : 0) | (rights[1] == 'w' ? PROT_WRITE : 0) |
            (rights[2] == 'x' ? PROT_EXEC : 0),
        .shared = rights[3] == 's',
        .anonymous = !inode,
    };
    snprintf(line->mapping.name, sizeof line->mapping.name, "%s", text + name);
    return true;
}

static bool is_same(const struct mapping *one, const struct mapping *other)
{
    return one->protection == other->protection && one->shared == other->shared && one->anonymous == other->anonymous;
}

/* Lines are sorted; the range must be covered by neighbours that are alike. */
static bool cover(FILE *maps, uint64_t address, uint64_t end, struct mapping *mapping)
{
    bool begun = false;
    struct line line;

    while (address < end && read_line(maps, &line)) {
        if (line.end <= address)
            continue;
        if (line.start > address || (begun && !is_same(mapping, &line.mapping)))
            return false;
        if (!begun)
            *mapping = line.mapping;
        begun = true;
        address = line.end;
    }
    return address >= end;
}

bool find_mapping(uint64_t address, uint64_t size, struct mapping *mapping)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    bool found;

    if (!maps)
        return false;
    found = cover(maps, address, address + size, mapping);
    fclose(maps);
    return found;
}
