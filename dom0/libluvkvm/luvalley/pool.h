/* The device file by which Luvalley's pool can be mapped. */
#pragma once
#include <stdint.h>

#define SUPERPAGE_BYTES (2ull << 20)

struct pool {
    int fd;
    const void *proof; /* a page of it, writable as long as the domain lives: by it the pool is known below */
    char path[32];
};

/* Open the next device after `*place` (0 at first) that this process may open; 0, or -errno when there is none, with a line in the log
 * that says what to do. */
int open_pool(struct pool *pool, unsigned *place);

void close_pool(struct pool *pool);
