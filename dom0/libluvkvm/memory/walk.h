/* The guest's own page tables, read in this process's mapping of its memory. SDM: 4.3 to 4.5 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "luvalley_abi.h"

struct vm;

/* What a page fault would say. SDM: 4.7 */

/* Find the guest address behind a linear one; on a fault false, and its error code. Sets accessed and dirty bits. */
bool walk(struct vm *vm, const struct luv_mode *mode, uint64_t linear, bool write, uint64_t *guest, uint32_t *error);

/* The same for a page, from what was walked lately where that still holds; NULL: a fault. Until this thread's next call. */
struct walked {
    struct vm *vm;
    uint64_t page, cr3;
    uint32_t key, version;
    unsigned levels;
    bool wide; /* entries of 8 bytes */
    struct {
        const void *place;
        uint64_t value;
    } entries[5];
    uint64_t guest;
    uint8_t *memory; /* in this process; NULL: a device's, or read-only and to be written */
};
const struct walked *walk_page(struct vm *vm, const struct luv_mode *mode, uint64_t linear, bool write, uint32_t *error);

/* Its privilege, 0 to 3. */
unsigned get_privilege(const struct luv_mode *mode);
