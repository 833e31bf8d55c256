/* A fake hypervisor for tests of libluvkvm: it records memory as Luvalley does, and its guests execute a test's script. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "luvalley_abi.h"

#define FAKE_FRAMES 64
#define FAKE_PAGES 65536 /* of 4 KiB: guest memory at most */

struct fake {
    uint32_t calls[64];         /* calls, by number */
    bool claimed[FAKE_FRAMES];
    uint64_t pages[FAKE_PAGES]; /* by guest page: offset in the pool | rights, or 0 */
    bool dirty[FAKE_PAGES];     /* by guest page: what the guest has written */
    bool has_no_marks;          /* memory_dirty is not implemented */
    uint32_t unmaps_to_refuse;  /* how often memory_unmap returns EAGAIN: a CPU is still in the guest */
    uint8_t *blocks[8];
    uint32_t vcpus;
    uint32_t (*guest)(uint32_t vcpu, struct luv_run *run); /* one run: its exit */
    uint64_t last_controls[3];
};
extern struct fake fake;

/* Let the library use it, with a new pool in a file that LUVKVM_POOL names. */
void start_fake(void);

/* The state that vcpu_get and vcpu_set transfer, by its number (SREGS, DEBUGREGS ...), the same for all vCPUs. */
void *fake_state(uint32_t what);

/* The offset in the pool that a guest address is mapped to; -1: none. */
int64_t get_offset(uint64_t guest);
uint8_t read_pool(uint64_t offset);

#define CHECK(condition)                                                   \
    do {                                                                   \
        if (!(condition)) {                                                \
            printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                       \
        }                                                                  \
    } while (0)
