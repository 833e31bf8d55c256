/* A hypervisor for the library's tests: it keeps the books that the real one keeps, and its guests do what a test says. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "luvalley_abi.h"

#define FAKE_FRAMES 64
#define FAKE_PAGES 65536 /* of 4 KiB: what guests may have */

struct fake {
    uint32_t calls[64];         /* how often, by number */
    bool claimed[FAKE_FRAMES];
    uint64_t pages[FAKE_PAGES]; /* by guest page: offset in the pool | rights, or 0 */
    bool dirty[FAKE_PAGES];     /* by guest page: what the guest has written */
    bool has_no_marks;          /* memory_dirty is not known here */
    uint32_t unmaps_to_refuse;  /* how often memory_unmap says that a CPU is still in the guest */
    uint8_t *blocks[8];
    uint32_t vcpus;
    uint32_t (*guest)(uint32_t vcpu, struct luv_run *run); /* one run: its exit */
    uint64_t last_controls[3];
};
extern struct fake fake;

/* Put it below the library, with a new pool in a file that LUVKVM_POOL names. */
void start_fake(void);

/* What vcpu_get and vcpu_set carry of all vCPUs, by its number (SREGS, DEBUGREGS ...). */
void *fake_state(uint32_t what);

/* What is at a guest address, as an offset in the pool; -1: nothing. */
int64_t get_offset(uint64_t guest);
uint8_t read_pool(uint64_t offset);

#define CHECK(condition)                                                   \
    do {                                                                   \
        if (!(condition)) {                                                \
            printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                       \
        }                                                                  \
    } while (0)
