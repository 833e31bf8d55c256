#define _GNU_SOURCE
#include "luvalley/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "api/log.h"
#include "memory/pages.h"

#define PAGE_BYTES 4096u

/* --- What is wrong, one sentence each --- */

static int complain_of_none(void)
{
    log_line("no /dev/dax* of Luvalley's pool: modprobe -a nd_e820 nd_pmem dax_pmem device_dax, then `luv open` again.");
    return -ENODEV;
}

static int complain_of_rights(const char *path)
{
    log_line("%s may not be opened by this user: it is for root and the group that may run guests; see `luv open`.", path);
    return -EACCES;
}

/* --- Opening --- */

static int map_proof(struct pool *pool)
{
    void *page = map_pages(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, pool->fd, 0);

    if (page == MAP_FAILED)
        return -errno;
    if (!touch_pages(page, PAGE_BYTES, true)) {
        unmap_pages(page, PAGE_BYTES);
        return -EFAULT;
    }
    madvise(page, PAGE_BYTES, MADV_DONTFORK);
    pool->proof = page;
    return 0;
}

static int open_one(struct pool *pool, const char *path)
{
    int error;

    snprintf(pool->path, sizeof pool->path, "%s", path);
    pool->fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (pool->fd < 0)
        return errno == EACCES || errno == EPERM ? complain_of_rights(path) : -errno;
    error = map_proof(pool);
    if (error)
        syscall(SYS_close, pool->fd);
    return error;
}

void close_pool(struct pool *pool)
{
    unmap_pages((void *)pool->proof, PAGE_BYTES);
    syscall(SYS_close, pool->fd);
}

/* LUVKVM_POOL names the one to use; else all are tried in order. */
int open_pool(struct pool *pool, unsigned *place)
{
    const char *named = getenv("LUVKVM_POOL");
    int result = -ENODEV;
    glob_t found;

    if (glob(named ? named : "/dev/dax*", 0, NULL, &found))
        return *place ? -ENODEV : complain_of_none();
    while (result && *place < found.gl_pathc)
        result = open_one(pool, found.gl_pathv[(*place)++]);
    globfree(&found);
    return result;
}
