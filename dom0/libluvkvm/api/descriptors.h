/* Which file descriptors are ours: each is a memfd, so that mmap, dup, poll and close work on a real object. */
#pragma once
#include <stddef.h>

enum object_kind { OBJECT_NONE, OBJECT_SYSTEM, OBJECT_VM, OBJECT_VCPU };

struct object {
    enum object_kind kind;
    void *self; /* struct vm or struct vcpu */
};

/* Make a descriptor of `size` bytes for an object; returns it, or -errno. */
int open_object(enum object_kind kind, void *self, const char *name, size_t size);

/* What a descriptor stands for: itself or a duplicate of one made here; kind OBJECT_NONE if it is none of ours. */
struct object find_object(int fd);

/* The process has closed this number. Returns what it stood for. */
struct object forget_descriptor(int fd);
