/*
 * The file of the token that Luvalley wants of those who run guests: `luv open` writes it, readable by root and the group kvm. It has
 * two numbers of 16 hexadecimal digits in one line.
 */
#pragma once
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#define LUV_TOKEN_FOLDER "/run/luvalley"
#define LUV_TOKEN_FILE LUV_TOKEN_FOLDER "/token"
#define LUV_TOKEN_GROUP "kvm"

/* 0, or -errno: -ENOENT until root has opened the pools, -EACCES for who is not in the group. */
static inline int read_luv_token(uint64_t token[2])
{
    FILE *file = fopen(LUV_TOKEN_FILE, "re");
    int count;

    if (!file)
        return -errno;
    count = fscanf(file, "%16" SCNx64 "%16" SCNx64, &token[0], &token[1]);
    fclose(file);
    return count == 2 ? 0 : -EINVAL;
}
