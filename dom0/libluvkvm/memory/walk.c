#include "memory/walk.h"

#include "memory/slots.h"
#include "memory/written.h"
#include "generated/x86/x86.h"

#define PAGE_MASK 0xFFFull

/* One of the kinds of paging. */
struct shape {
    unsigned levels, bits, entry; /* levels; index bits of each; bytes of an entry */
    unsigned top;                 /* index bits of the highest */
};

static struct shape get_shape(const struct luv_mode *mode)
{
    if (mode->efer & EFER_LMA)
        return (struct shape){mode->cr4 & CR4_LA57 ? 5 : 4, 9, 8, 9};
    if (mode->cr4 & CR4_PAE)
        return (struct shape){3, 9, 8, 2};
    return (struct shape){2, 10, 4, 10};
}

unsigned get_privilege(const struct luv_mode *mode)
{
    return mode->ss_rights >> 5 & 3;
}

/* PAE's four top entries have neither rights nor an accessed bit. */
static bool is_plain_top(const struct shape *shape, unsigned level)
{
    return shape->levels == 3 && level == 3;
}

static bool is_large(const struct luv_mode *mode, const struct shape *shape, unsigned level, uint64_t entry)
{
    if (level == 1 || !(entry & PAGE_ENTRY_PAGE_SIZE))
        return false;
    if (shape->entry == 4)
        return mode->cr4 & CR4_PSE;
    return level == 2 || (level == 3 && shape->levels > 3);
}

/* A large page of 32-bit paging has bits 39:32 of its frame in the entry's bits 20:13. */
static uint64_t get_frame(const struct shape *shape, uint64_t entry, unsigned shift)
{
    uint64_t frame = entry & PAGE_ENTRY_FRAME_MASK & ~((1ull << shift) - 1);

    if (shape->entry == 4 && shift == 22)
        frame = (entry & 0xFFC00000) | (entry >> 13 & 0xFF) << 32;
    return frame;
}

static void mark(struct vm *vm, const struct shape *shape, uint64_t where, uint64_t entry, uint64_t marks)
{
    size_t left;
    void *place;

    if ((entry & marks) == marks)
        return;
    place = find_memory(vm, where, true, &left);
    if (!place)
        return;
    if (shape->entry == 4)
        __atomic_fetch_or((uint32_t *)place, (uint32_t)marks, __ATOMIC_SEQ_CST);
    else
        __atomic_fetch_or((uint64_t *)place, marks, __ATOMIC_SEQ_CST);
    note_written(vm, where, shape->entry);
}

static bool is_allowed(const struct luv_mode *mode, uint64_t rights, bool write)
{
    bool user = get_privilege(mode) == 3;

    if (user && !(rights & PAGE_ENTRY_USER))
        return false;
    return !write || rights & PAGE_ENTRY_WRITE || (!user && !(mode->cr0 & CR0_WP));
}

/* An entry, in this process; NULL where the tables are no memory. */
static void *find_entry(struct vm *vm, uint64_t where)
{
    size_t left;

    return find_memory(vm, where, false, &left);
}

static uint64_t read_entry(const struct shape *shape, const void *place)
{
    return shape->entry == 4 ? *(const volatile uint32_t *)place : *(const volatile uint64_t *)place;
}

/* What `walk` does; `path` hears of each entry, with the marks that it has then. */
static bool walk_path(struct vm *vm, const struct luv_mode *mode, uint64_t linear, bool write, uint64_t *guest, uint32_t *error,
                      struct walked *path)
{
    struct shape shape = get_shape(mode);
    uint64_t table = mode->cr3 & (shape.levels == 3 ? 0xFFFFFFE0ull : PAGE_ENTRY_FRAME_MASK),
             rights = PAGE_ENTRY_WRITE | PAGE_ENTRY_USER;

    *error = (write ? PAGE_FAULT_ERROR_WRITE : 0) | (get_privilege(mode) == 3 ? PAGE_FAULT_ERROR_USER : 0);
    *guest = linear;
    path->levels = 0;
    path->wide = shape.entry == 8;
    if (!(mode->cr0 & CR0_PG))
        return true;
    for (unsigned level = shape.levels; level; level--) {
        unsigned shift = 12 + (level - 1) * shape.bits, bits = level == shape.levels ? shape.top : shape.bits;
        uint64_t where = table + (linear >> shift & ((1u << bits) - 1)) * shape.entry, entry;
        void *place = find_entry(vm, where);
        bool last;

        entry = place ? read_entry(&shape, place) : 0;
        if (!(entry & PAGE_ENTRY_PRESENT))
            return false;
        last = level == 1 || is_large(mode, &shape, level, entry);
        if (!is_plain_top(&shape, level))
            rights &= entry;
        if (last && !is_allowed(mode, rights, write)) {
            *error |= PAGE_FAULT_ERROR_PRESENT;
            return false;
        }
        if (!is_plain_top(&shape, level))
            mark(vm, &shape, where, entry, PAGE_ENTRY_ACCESSED | (last && write ? PAGE_ENTRY_DIRTY : 0));
        path->entries[path->levels].place = place;
        path->entries[path->levels++].value = read_entry(&shape, place);
        if (last) {
            *guest = get_frame(&shape, entry, shift) | (linear & ((1ull << shift) - 1));
            return true;
        }
        table = entry & PAGE_ENTRY_FRAME_MASK;
    }
    return false;
}

bool walk(struct vm *vm, const struct luv_mode *mode, uint64_t linear, bool write, uint64_t *guest, uint32_t *error)
{
    struct walked path;

    return walk_path(vm, mode, linear, write, guest, error, &path);
}

/* --- Walks that are kept: good as long as every entry on the way is what it was, and slots are where they were --- */

#define KEPT 16u

static __thread struct walked all[KEPT];

/* What a walk depends on besides CR3 and the tables: few bits of the mode. */
static uint32_t get_key(const struct luv_mode *mode, bool write)
{
    return (uint32_t)(mode->cr0 & (CR0_PG | CR0_WP)) | (uint32_t)(mode->cr4 & (CR4_PSE | CR4_PAE | CR4_LA57)) |
        (uint32_t)(mode->efer & EFER_LMA) | get_privilege(mode) << 1 | write;
}

static bool is_unchanged(const struct walked *walked)
{
    for (unsigned i = 0; i < walked->levels; i++) {
        const void *place = walked->entries[i].place;

        if (walked->entries[i].value != (walked->wide ? *(const volatile uint64_t *)place : *(const volatile uint32_t *)place))
            return false;
    }
    return true;
}

const struct walked *walk_page(struct vm *vm, const struct luv_mode *mode, uint64_t linear, bool write, uint32_t *error)
{
    uint64_t page = linear & ~PAGE_MASK;
    struct walked *walked = &all[(linear >> 12 ^ write) % KEPT];
    uint32_t key = get_key(mode, write), version = get_slots_version(vm);
    size_t left;

    if (walked->vm == vm && walked->page == page && walked->cr3 == mode->cr3 && walked->key == key &&
        walked->version == version && is_unchanged(walked))
        return walked;
    walked->vm = NULL;
    if (!walk_path(vm, mode, page, write, &walked->guest, error, walked))
        return NULL;
    walked->page = page;
    walked->cr3 = mode->cr3;
    walked->key = key;
    walked->version = version;
    walked->memory = find_memory(vm, walked->guest, write, &left);
    walked->vm = vm;
    return walked;
}
