#define _GNU_SOURCE
#include "api/descriptors.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST 4096

/* By number; the inode identifies a duplicate, and a number that was reused for another file. */
static struct entry {
    _Atomic(enum object_kind) kind;
    void *self;
    ino_t inode;
} entries[MOST];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static ino_t get_inode(int fd)
{
    struct stat status;

    return fstat(fd, &status) ? 0 : status.st_ino;
}

static void enter(int fd, enum object_kind kind, void *self, ino_t inode)
{
    entries[fd].self = self;
    entries[fd].inode = inode;
    atomic_store(&entries[fd].kind, kind);
}

int open_object(enum object_kind kind, void *self, const char *name, size_t size)
{
    int fd = memfd_create(name, MFD_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (fd >= MOST || (size && ftruncate(fd, (off_t)size))) {
        int error = fd >= MOST ? EMFILE : errno;

        close(fd);
        return -error;
    }
    enter(fd, kind, self, get_inode(fd));
    return fd;
}

/* A duplicate has the inode of one that is known. */
static struct object adopt_duplicate(int fd)
{
    struct object found = {OBJECT_NONE, NULL};
    ino_t inode = get_inode(fd);

    pthread_mutex_lock(&lock);
    for (int other = 0; inode && other < MOST; other++) {
        if (atomic_load(&entries[other].kind) && entries[other].inode == inode) {
            found = (struct object){entries[other].kind, entries[other].self};
            enter(fd, found.kind, found.self, inode);
            break;
        }
    }
    pthread_mutex_unlock(&lock);
    return found;
}

struct object find_object(int fd)
{
    enum object_kind kind;

    if (fd < 0 || fd >= MOST)
        return (struct object){OBJECT_NONE, NULL};
    kind = atomic_load(&entries[fd].kind);
    if (kind)
        return (struct object){kind, entries[fd].self};
    return adopt_duplicate(fd);
}

/* Is another number still open on the same object? */
static int has_duplicate(int fd)
{
    for (int other = 0; other < MOST; other++)
        if (other != fd && atomic_load(&entries[other].kind) && entries[other].inode == entries[fd].inode)
            return 1;
    return 0;
}

struct object forget_descriptor(int fd)
{
    struct object last = {OBJECT_NONE, NULL};

    if (fd < 0 || fd >= MOST || !atomic_load(&entries[fd].kind))
        return last;
    pthread_mutex_lock(&lock);
    if (!has_duplicate(fd))
        last = (struct object){entries[fd].kind, entries[fd].self};
    atomic_store(&entries[fd].kind, OBJECT_NONE);
    pthread_mutex_unlock(&lock);
    return last;
}
