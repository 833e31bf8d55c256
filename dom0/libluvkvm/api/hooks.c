/* The functions of the C library that a program uses to reach /dev/kvm. Everything else passes through. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "api/descriptors.h"
#include "memory/pages.h"
#include "api/system.h"
#include "api/vcpu.h"
#include "api/vm.h"

#define LARGE_BYTES (16u << 20)
#define EXPORT __attribute__((visibility("default")))
#define HAS_MODE(flags) (((flags) & O_CREAT) || ((flags) & O_TMPFILE) == O_TMPFILE)

/* A system call's result in the C library's form. */
static long give(long result)
{
    if (result >= 0)
        return result;
    errno = (int)-result;
    return -1;
}

static int is_device(const char *path)
{
    return path && !strcmp(path, "/dev/kvm");
}

/* Open as the C library would: always by openat. */
static int open_any(int folder, const char *path, int flags, int mode)
{
    if (is_device(path))
        return (int)give(open_system());
    return (int)syscall(SYS_openat, folder, path, flags, mode);
}

#define GET_MODE(mode, flags)     \
    int mode = 0;                 \
    if (HAS_MODE(flags)) {        \
        va_list list;             \
        va_start(list, flags);    \
        mode = va_arg(list, int); \
        va_end(list);             \
    }

EXPORT int open(const char *path, int flags, ...)
{
    GET_MODE(mode, flags)
    return open_any(AT_FDCWD, path, flags, mode);
}

EXPORT int open64(const char *path, int flags, ...)
{
    GET_MODE(mode, flags)
    return open_any(AT_FDCWD, path, flags, mode);
}

EXPORT int openat(int folder, const char *path, int flags, ...)
{
    GET_MODE(mode, flags)
    return open_any(folder, path, flags, mode);
}

EXPORT int openat64(int folder, const char *path, int flags, ...)
{
    GET_MODE(mode, flags)
    return open_any(folder, path, flags, mode);
}

EXPORT int __open_2(const char *path, int flags)
{
    return open_any(AT_FDCWD, path, flags, 0);
}

EXPORT int __open64_2(const char *path, int flags)
{
    return open_any(AT_FDCWD, path, flags, 0);
}

EXPORT int close(int fd)
{
    struct object last = forget_descriptor(fd);

    if (last.kind == OBJECT_VM)
        destroy_vm(last.self);
    if (last.kind == OBJECT_VCPU)
        destroy_vcpu(last.self);
    return (int)syscall(SYS_close, fd);
}

/* --- Memory: a vCPU's pages are where the backend has them, and memory that is unmapped is not the guest's any more --- */

static void *map_object(int fd, void *address, size_t size, int protection, int flags, off_t offset)
{
    struct object object = find_object(fd);
    struct vcpu *vcpu = object.self;

    if (object.kind != OBJECT_VCPU || !backend(vcpu)->map_vcpu || offset)
        return NULL;
    return backend(vcpu)->map_vcpu(vcpu, address, size, protection, flags);
}

/* Such memory may become a guest's, which then has the pool's instead: dom0's overcommit limit is not for it. */
static bool is_large(size_t size, int flags)
{
    return flags & MAP_ANONYMOUS && flags & MAP_PRIVATE && size >= LARGE_BYTES;
}

static void *map_any(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    void *result = NULL;

    if (is_large(size, flags))
        flags |= MAP_NORESERVE;
    if (flags & MAP_FIXED)
        forget_memory(address, size);
    if (!(flags & MAP_ANONYMOUS))
        result = map_object(fd, address, size, protection, flags, offset);
    if (!result)
        result = map_pages(address, size, protection, flags, fd, (uint64_t)offset);
    if (result != MAP_FAILED && !(flags & MAP_FIXED))
        forget_memory(result, size);
    return result;
}

EXPORT void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    return map_any(address, size, protection, flags, fd, offset);
}

EXPORT void *mmap64(void *address, size_t size, int protection, int flags, int fd, off64_t offset)
{
    return map_any(address, size, protection, flags, fd, offset);
}

EXPORT int munmap(void *address, size_t size)
{
    forget_memory(address, size);
    return (int)syscall(SYS_munmap, address, size);
}

static noinline long answer(struct object object, unsigned long request, void *argument)
{
    switch (object.kind) {
    case OBJECT_VCPU: return answer_vcpu(object.self, request, argument);
    case OBJECT_VM: return answer_vm(object.self, request, argument);
    default: return answer_system(request, argument);
    }
}

/* The C library declares it variadic; all callers pass three arguments or none that matters, in the same registers. */
int hook_ioctl(int fd, unsigned long request, void *argument) __asm__("ioctl");

EXPORT int hook_ioctl(int fd, unsigned long request, void *argument)
{
    request = (unsigned)request; /* callers that pass an int extend its sign */
    if (_IOC_TYPE(request) == KVMIO) {
        struct object object = find_object(fd);

        if (request == KVM_RUN && object.kind == OBJECT_VCPU) /* nothing is called more often */
            return (int)give(run_vcpu(object.self));
        if (object.kind)
            return (int)give(answer(object, request, argument));
    }
    return (int)syscall(SYS_ioctl, fd, request, argument);
}
