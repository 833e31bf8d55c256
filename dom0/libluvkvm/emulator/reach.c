#include <string.h>

#include "emulator/attempt.h"
#include "memory/slots.h"
#include "memory/walk.h"
#include "memory/written.h"
#include "generated/x86/x86.h"

#define PAGE_BYTES 4096u
#define MAX_FETCHED 15u

/* An access that was answered before, at the same point of the attempt; else the one that stops the attempt. */
static uint64_t access_device(struct attempt *attempt, const struct device_access *access)
{
    struct emulation *emulation = attempt->emulation;

    if (attempt->used < emulation->count)
        return emulation->answers[attempt->used++].value;
    if (emulation->count == MAX_ANSWERS) {
        stop_attempt(attempt, EMULATED_UNKNOWN);
        return 0;
    }
    if (!attempt->stopped)
        emulation->access = *access;
    stop_attempt(attempt, EMULATED_ACCESS);
    return 0;
}

uint64_t access_port(struct attempt *attempt, uint16_t port, unsigned size, bool write, uint64_t value)
{
    return access_device(attempt, &(struct device_access){.write = write, .address = port, .size = size, .value = value});
}

/* Of a size that the processor has, in one piece. */
static uint64_t read_place(const uint8_t *place, unsigned size)
{
    uint64_t value = 0;

    switch (size) {
    case 1: return *place;
    case 2: return *(const uint16_t *)(const void *)place;
    case 4: return *(const uint32_t *)(const void *)place;
    case 8: return *(const uint64_t *)(const void *)place;
    default: memcpy(&value, place, size); return value;
    }
}

static void write_place(uint8_t *place, unsigned size, uint64_t value)
{
    switch (size) {
    case 1: *place = (uint8_t)value; break;
    case 2: *(uint16_t *)(void *)place = (uint16_t)value; break;
    case 4: *(uint32_t *)(void *)place = (uint32_t)value; break;
    case 8: *(uint64_t *)(void *)place = value; break;
    default: memcpy(place, &value, size);
    }
}

/* Within one page. */
static uint64_t access_page(struct attempt *attempt, uint64_t linear, unsigned size, bool write, uint64_t value)
{
    struct emulation *emulation = attempt->emulation;
    uint64_t offset = linear & (PAGE_BYTES - 1);
    const struct walked *walked;
    uint32_t error;

    if (attempt->stopped)
        return 0;
    if (linear - emulation->known.page < PAGE_BYTES && (write ? emulation->known.write : emulation->known.read))
        return access_device(attempt, &(struct device_access){true, write, emulation->known.guest + offset, size, value});
    walked = walk_page(emulation->vm, emulation->mode, linear, write, &error);
    if (!walked) {
        emulation->fault.linear = linear;
        stop_exception(attempt, VECTOR_PF, true, error);
        return 0;
    }
    if (!walked->memory)
        return access_device(attempt, &(struct device_access){true, write, walked->guest + offset, size, value});
    if (!write)
        return read_place(walked->memory + offset, size);
    write_place(walked->memory + offset, size, value);
    note_written(emulation->vm, walked->guest + offset, size);
    return value;
}

static uint64_t access_linear(struct attempt *attempt, uint64_t linear, unsigned size, bool write, uint64_t value)
{
    unsigned first = PAGE_BYTES - (linear & (PAGE_BYTES - 1));
    uint64_t low;

    if (first >= size)
        return access_page(attempt, linear, size, write, value);
    low = access_page(attempt, linear, first, write, value);
    return low | access_page(attempt, linear + first, size - first, write, value >> first * 8) << first * 8;
}

uint64_t read_linear(struct attempt *attempt, uint64_t linear, unsigned size)
{
    return cut(access_linear(attempt, linear, size, false, 0), size);
}

void write_linear(struct attempt *attempt, uint64_t linear, unsigned size, uint64_t value)
{
    access_linear(attempt, linear, size, true, cut(value, size));
}

/* The bytes at RIP, up to fifteen, fewer where the next page is none. */
bool fetch(struct attempt *attempt)
{
    struct emulation *emulation = attempt->emulation;
    uint64_t linear = emulation->mode->cs_base + attempt->registers.rip;
    uint32_t error, length = 0;

    while (length < MAX_FETCHED) {
        const struct walked *walked = walk_page(emulation->vm, emulation->mode, linear + length, false, &error);
        unsigned offset = (linear + length) & (PAGE_BYTES - 1), part = PAGE_BYTES - offset;

        if (!walked || !walked->memory)
            break;
        part = part < MAX_FETCHED - length ? part : MAX_FETCHED - length;
        memcpy(emulation->bytes + length, walked->memory + offset, part);
        length += part;
    }
    emulation->length = length;
    return length;
}
