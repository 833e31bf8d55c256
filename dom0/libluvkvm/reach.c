#include <string.h>

#include "play.h"
#include "slots.h"
#include "walk.h"

#define PAGE_BYTES 4096u
#define MOST_FETCHED 15u

/* An access that was answered before, in the same place of the play; else the one that the play stops for. */
static uint64_t access_device(struct play *play, const struct device_access *access)
{
	struct emulation *emulation = play->emulation;

	if (play->used < emulation->count)
		return emulation->answers[play->used++].value;
	if (emulation->count == MOST_ANSWERS) {
		stop_play(play, EMULATED_UNKNOWN);
		return 0;
	}
	if (!play->stopped)
		emulation->access = *access;
	stop_play(play, EMULATED_ACCESS);
	return 0;
}

uint64_t access_port(struct play *play, uint16_t port, unsigned size, bool write, uint64_t value)
{
	return access_device(play, &(struct device_access){.write = write, .address = port, .size = size, .value = value});
}

/* Within one page. */
static uint64_t access_page(struct play *play, uint64_t linear, unsigned size, bool write, uint64_t value)
{
	struct emulation *emulation = play->emulation;
	uint64_t guest;
	uint32_t error;
	size_t left;
	void *place;

	if (play->stopped)
		return 0;
	if (!walk(emulation->vm, emulation->mode, linear, write, &guest, &error)) {
		emulation->fault.linear = linear;
		emulation->fault.error = error;
		stop_play(play, EMULATED_FAULT);
		return 0;
	}
	place = find_memory(emulation->vm, guest, write, &left);
	if (!place)
		return access_device(play, &(struct device_access){true, write, guest, size, value});
	memcpy(write ? place : &value, write ? (void *)&value : place, size);
	return value;
}

static uint64_t access_linear(struct play *play, uint64_t linear, unsigned size, bool write, uint64_t value)
{
	unsigned first = PAGE_BYTES - (linear & (PAGE_BYTES - 1));
	uint64_t low;

	if (first >= size)
		return access_page(play, linear, size, write, value);
	low = access_page(play, linear, first, write, value);
	return low | access_page(play, linear + first, size - first, write, value >> first * 8) << first * 8;
}

static uint64_t cut(uint64_t value, unsigned size)
{
	return size >= 8 ? value : value & ((1ull << size * 8) - 1);
}

uint64_t read_linear(struct play *play, uint64_t linear, unsigned size)
{
	return cut(access_linear(play, linear, size, false, 0), size);
}

void write_linear(struct play *play, uint64_t linear, unsigned size, uint64_t value)
{
	access_linear(play, linear, size, true, cut(value, size));
}

/* The bytes at RIP, up to fifteen, fewer where the next page is none. */
bool fetch(struct play *play)
{
	struct emulation *emulation = play->emulation;
	const struct luv_mode *mode = emulation->mode;
	uint64_t linear = mode->cs_base + play->registers.rip, guest;
	uint32_t error, length = 0;

	while (length < MOST_FETCHED) {
		unsigned part = PAGE_BYTES - ((linear + length) & (PAGE_BYTES - 1));

		part = part < MOST_FETCHED - length ? part : MOST_FETCHED - length;
		if (!walk(emulation->vm, mode, linear + length, false, &guest, &error) ||
		    !read_memory(emulation->vm, guest, emulation->bytes + length, part))
			break;
		length += part;
	}
	emulation->length = length;
	return length;
}
