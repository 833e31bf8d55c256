#include "walk.h"

#include "slots.h"

#define CR0_PG (1ull << 31)
#define CR0_WP (1ull << 16)
#define CR4_PSE (1ull << 4)
#define CR4_PAE (1ull << 5)
#define CR4_LA57 (1ull << 12)
#define EFER_LMA (1ull << 10)

#define PRESENT 1ull
#define WRITABLE 2ull
#define USER 4ull
#define ACCESSED 0x20ull
#define DIRTY 0x40ull
#define LARGE 0x80ull
#define FRAME 0x000FFFFFFFFFF000ull

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
	if (level == 1 || !(entry & LARGE))
		return false;
	if (shape->entry == 4)
		return mode->cr4 & CR4_PSE;
	return level == 2 || (level == 3 && shape->levels > 3);
}

/* A large page of 32-bit paging has bits 39:32 of its frame in the entry's bits 20:13. */
static uint64_t get_frame(const struct shape *shape, uint64_t entry, unsigned shift)
{
	uint64_t frame = entry & FRAME & ~((1ull << shift) - 1);

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
}

static bool is_allowed(const struct luv_mode *mode, uint64_t rights, bool write)
{
	bool user = get_privilege(mode) == 3;

	if (user && !(rights & USER))
		return false;
	return !write || rights & WRITABLE || (!user && !(mode->cr0 & CR0_WP));
}

bool walk(struct vm *vm, const struct luv_mode *mode, uint64_t linear, bool write, uint64_t *guest, uint32_t *error)
{
	struct shape shape = get_shape(mode);
	uint64_t table = mode->cr3 & (shape.levels == 3 ? 0xFFFFFFE0ull : FRAME), rights = WRITABLE | USER;

	*error = (write ? FAULT_WRITE : 0) | (get_privilege(mode) == 3 ? FAULT_USER : 0);
	*guest = linear;
	if (!(mode->cr0 & CR0_PG))
		return true;
	for (unsigned level = shape.levels; level; level--) {
		unsigned shift = 12 + (level - 1) * shape.bits, bits = level == shape.levels ? shape.top : shape.bits;
		uint64_t where = table + (linear >> shift & ((1u << bits) - 1)) * shape.entry, entry = 0;
		bool last;

		if (!read_memory(vm, where, &entry, shape.entry) || !(entry & PRESENT))
			return false;
		last = level == 1 || is_large(mode, &shape, level, entry);
		if (!is_plain_top(&shape, level))
			rights &= entry;
		if (last && !is_allowed(mode, rights, write)) {
			*error |= FAULT_PRESENT;
			return false;
		}
		if (!is_plain_top(&shape, level))
			mark(vm, &shape, where, entry, ACCESSED | (last && write ? DIRTY : 0));
		if (last) {
			*guest = get_frame(&shape, entry, shift) | (linear & ((1ull << shift) - 1));
			return true;
		}
		table = entry & FRAME;
	}
	return false;
}
