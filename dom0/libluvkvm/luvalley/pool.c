#define _GNU_SOURCE
#include "luvalley/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "luvalley/hypercall.h"
#include "luvalley_abi.h"
#include "api/log.h"
#include "memory/pages.h"

#define PAGE_BYTES 4096u

/* --- What is wrong, one sentence each --- */

static int complain_of_none(void)
{
    if (!get_info(LUV_INFO_POOLS))
        log_line("Luvalley has no pool for guests' memory: put pool=512M on its command line in the boot loader.");
    else if (access("/sys/bus/dax", F_OK))
        log_line("no /dev/dax*: dom0's kernel lacks the modules that make it: modprobe -a device_dax dax_hmem.");
    else
        log_line(
            "no /dev/dax* although Luvalley has a pool: if `modprobe -a device_dax dax_hmem` brings none, the loader made it "
            "plain reserved; then dom0's kernel needs memmap=%llu%%0x%llx-2+0xefffffff.",
            (unsigned long long)get_info(LUV_INFO_POOL_SIZE), (unsigned long long)get_info(LUV_INFO_POOL_BASE));
    return -ENODEV;
}

static int complain_of_rights(const char *path)
{
    struct stat status;
    struct group *group = stat(path, &status) ? NULL : getgrgid(status.st_gid);

    if (group && status.st_gid && (status.st_mode & 060) == 060)
        log_line("%s may be opened by the group %s, which this user is not in: usermod -aG %s USER.", path, group->gr_name,
                 group->gr_name);
    else
        log_line("%s may be opened by root only: as root, chgrp luv %s && chmod 660 %s, for users in a group luv.", path, path,
                 path);
    return -EACCES;
}

static int complain_of_alignment(const char *path, unsigned long alignment)
{
    const char *name = strrchr(path, '/') + 1;

    log_line("%s can be mapped by %lu KiB only, QEMU's small memories need 4: as root, cd /sys/bus/dax; echo %s "
             ">drivers/device_dax/unbind; "
             "echo 4096 >devices/%s/align; echo %s >drivers/device_dax/bind.",
             path, alignment >> 10, name, name, name);
    return -EINVAL;
}

/* --- Opening --- */

static unsigned long read_alignment(const char *path)
{
    unsigned long alignment = PAGE_BYTES;
    char name[96];
    FILE *file;

    snprintf(name, sizeof name, "/sys/bus/dax/devices/%s/align", strrchr(path, '/') + 1);
    file = fopen(name, "re");
    if (file && fscanf(file, "%lu", &alignment) != 1)
        alignment = PAGE_BYTES;
    if (file)
        fclose(file);
    return alignment;
}

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
    unsigned long alignment = read_alignment(path);
    int error;

    snprintf(pool->path, sizeof pool->path, "%s", path);
    pool->fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (pool->fd < 0)
        return errno == EACCES || errno == EPERM ? complain_of_rights(path) : -errno;
    error = alignment > PAGE_BYTES ? complain_of_alignment(path, alignment) : map_proof(pool);
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
