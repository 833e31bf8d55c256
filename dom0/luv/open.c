/*
 * luv open, luv close: root lets those in the group kvm run guests, and ends that.
 *
 * Luvalley makes a domain only for who knows the token. Before it is set, this checks what Luvalley cannot see: that dom0's kernel
 * offers each pool as a device file and does not use it as memory for itself.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dom0/token.h"
#include "luv.h"
#include "luvalley_abi.h"

#define DEVICES "/sys/bus/dax/devices/"
#define DRIVER "device_dax"
#define NEW_FILE LUV_TOKEN_FOLDER "/new"
#define PATIENCE 50 /* tenths of a second: at boot the devices appear while this waits */

struct pool {
    uint64_t base, size;
    char device[64]; /* its name */
};

/* --- What dom0's kernel does with a pool --- */

static bool read_number(const char *device, const char *attribute, uint64_t *value)
{
    char path[192];
    FILE *file;
    bool read;

    snprintf(path, sizeof path, DEVICES "%s/%s", device, attribute);
    file = fopen(path, "re");
    if (!file)
        return false;
    read = fscanf(file, "%" SCNi64, value) == 1;
    fclose(file);
    return read;
}

static bool is_of(const char *device, const struct pool *pool)
{
    uint64_t base, size;

    return read_number(device, "resource", &base) && read_number(device, "size", &size) && base == pool->base &&
        size == pool->size;
}

static bool find_device(struct pool *pool)
{
    glob_t found;

    pool->device[0] = 0;
    if (glob(DEVICES "*", 0, NULL, &found))
        return false;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *name = strrchr(found.gl_pathv[i], '/') + 1;

        if (is_of(name, pool))
            snprintf(pool->device, sizeof pool->device, "%s", name);
    }
    globfree(&found);
    return pool->device[0];
}

/* The driver that makes a device file. As long as it has the device, no other driver gets it. */
static bool has_file(const struct pool *pool)
{
    char path[128], driver[256] = "";
    ssize_t length;

    snprintf(path, sizeof path, DEVICES "%s/driver", pool->device);
    length = readlink(path, driver, sizeof driver - 1);
    return length > 0 && !strcmp(strrchr(driver, '/') ? strrchr(driver, '/') + 1 : driver, DRIVER);
}

/* Lines within others are indented; "System RAM (kmem)" is what a driver has made of special memory. */
static bool is_system_ram(const struct pool *pool)
{
    FILE *map = fopen("/proc/iomem", "re");
    uint64_t low, high;
    char line[256], name[128];
    bool found = !map;

    while (map && fgets(line, sizeof line, map))
        if (sscanf(line, " %" SCNx64 "-%" SCNx64 " : %127[^\n]", &low, &high, name) == 3 &&
            !strncmp(name, "System RAM", strlen("System RAM")))
            found |= low < pool->base + pool->size && pool->base <= high;
    if (map)
        fclose(map);
    return found;
}

static int check_pool(struct pool *pool)
{
    for (int turn = 0; !find_device(pool) || !has_file(pool); turn++) {
        if (is_system_ram(pool))
            break;
        if (turn == PATIENCE)
            return complain("dom0's kernel makes no device file of the pool at 0x%" PRIx64
                            ": modprobe -a nd_e820 nd_pmem dax_pmem device_dax.",
                            pool->base);
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    if (is_system_ram(pool))
        return complain("dom0's kernel uses the pool at 0x%" PRIx64 " as memory for itself: guests would write over it.",
                        pool->base);
    return 0;
}

/* Not one that root has already given to another group. */
static int share_device(const struct pool *pool, gid_t group)
{
    struct stat status;
    char path[128];

    snprintf(path, sizeof path, "/dev/%s", pool->device);
    if (!stat(path, &status) && status.st_gid)
        return 0;
    if (chown(path, 0, group) || chmod(path, 0660))
        return complain("%s cannot be shared with the group " LUV_TOKEN_GROUP ": %s.", path, strerror(errno));
    return 0;
}

/* --- The token --- */

static int64_t set_token(const uint64_t token[2])
{
    uint64_t value;

    return call_as_root(LUV_HYPERCALL_token_set, token[0], token[1], &value);
}

/* Under another name, so that the file is never seen without its group, nor half written. */
static bool write_token(const uint64_t token[2], gid_t group)
{
    int file;

    if (mkdir(LUV_TOKEN_FOLDER, 0755) && errno != EEXIST)
        return false;
    unlink(NEW_FILE);
    file = open(NEW_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return false;
    if (dprintf(file, "%016" PRIx64 "%016" PRIx64 "\n", token[0], token[1]) == 33 && !fchown(file, 0, group) &&
        !fchmod(file, 0640) && !close(file))
        return true;
    close(file);
    return false;
}

static int install_token(gid_t group)
{
    uint64_t token[2] = {0};

    while (!token[0] || !token[1])
        if (getrandom(token, sizeof token, 0) != sizeof token)
            return complain("the system has no random numbers yet.");
    if (!write_token(token, group))
        return complain(NEW_FILE " cannot be written: %s.", strerror(errno));
    if (set_token(token))
        return complain("Luvalley does not accept the token.");
    if (!rename(NEW_FILE, LUV_TOKEN_FILE))
        return 0;
    set_token((uint64_t[2]){0});
    return complain(LUV_TOKEN_FILE " cannot be written: %s.", strerror(errno));
}

/* From the file alone: this program is static, and loads no modules of the name service. */
static bool find_group(gid_t *group)
{
    FILE *file = fopen("/etc/group", "re");
    const struct group *one;
    bool found = false;

    while (file && !found && (one = fgetgrent(file))) {
        found = !strcmp(one->gr_name, LUV_TOKEN_GROUP);
        *group = one->gr_gid;
    }
    if (file)
        fclose(file);
    return found;
}

/* --- The commands --- */

static uint64_t ask(uint32_t which)
{
    uint64_t value = 0;

    return call_as_root(LUV_HYPERCALL_info, which, 0, &value) ? 0 : value;
}

static int open_pools(gid_t group)
{
    uint32_t pools = (uint32_t)ask(LUV_INFO_POOLS);

    if (!pools)
        return complain("Luvalley has no pool for guests' memory: put pool=512M on its command line in the boot loader.");
    for (uint32_t i = 0; i < pools; i++) {
        struct pool pool = {.base = ask(LUV_INFO_POOL_BASE + LUV_INFO_PER_POOL * i),
                            .size = ask(LUV_INFO_POOL_SIZE + LUV_INFO_PER_POOL * i)};
        int status = check_pool(&pool);

        if (!status)
            status = share_device(&pool, group);
        if (status)
            return status;
    }
    return install_token(group);
}

int open_command(int count, char **arguments)
{
    gid_t group = 0;

    (void)arguments;
    if (!is_ready("open", count, 0, true))
        return LUV_FAILED;
    if (!find_group(&group))
        return complain("there is no group " LUV_TOKEN_GROUP " for those who may run guests: groupadd --system kvm.");
    return open_pools(group);
}

int close_command(int count, char **arguments)
{
    (void)arguments;
    if (!is_ready("close", count, 0, true))
        return LUV_FAILED;
    set_token((uint64_t[2]){0});
    return unlink(LUV_TOKEN_FILE) && errno != ENOENT ? complain(LUV_TOKEN_FILE ": %s.", strerror(errno)) : 0;
}
