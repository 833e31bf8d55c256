/* Types and helpers for everything else. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t i64;

#define noinline __attribute__((noinline))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define KIB(n) ((u64)(n) << 10)
#define MIB(n) ((u64)(n) << 20)
#define GIB(n) ((u64)(n) << 30)

#define PAGE_SIZE KIB(4)
#define PAGE_MASK (PAGE_SIZE - 1)
#define PAGE_2M MIB(2)
#define PAGE_1G GIB(1)

/* A field of a value by the names of its mask and its shift; bits by their numbers. */
#define extract(field, value) (((value) & field##_MASK) >> field##_SHIFT)

static inline bool bit(u64 value, u32 number)
{
    return value >> number & 1;
}

static inline u64 bits(u64 value, u32 low, u32 high)
{
    return value << (63 - high) >> (63 - high + low);
}

/* What `value` has in the bits of a mask, which are next to each other. */
static inline u64 bits_of(u64 value, u64 mask)
{
    return (value & mask) >> __builtin_ctzll(mask);
}

/* `old` with `value` in the bits of a mask, which are next to each other. */
static inline u64 replace_bits(u64 old, u64 mask, u64 value)
{
    return (old & ~mask) | (value << __builtin_ctzll(mask) & mask);
}

/* `old` with the bits of a mask as `value` has them. */
static inline u64 copy_bits(u64 old, u64 mask, u64 value)
{
    return (old & ~mask) | (value & mask);
}

static inline u64 round_down(u64 value, u64 unit)
{
    return value & ~(unit - 1);
}

static inline u64 round_up(u64 value, u64 unit)
{
    return round_down(value + unit - 1, unit);
}

static inline u64 min(u64 a, u64 b)
{
    return a < b ? a : b;
}

/*
 * An untrusted index after a check that it is below `count`; 0 where the processor speculates past that check, so that no cache
 * shows what lies beyond the table.
 */
static inline u64 index_nospec(u64 index, u64 count)
{
    u64 mask;
    asm("cmp %2, %1\n\tsbb %0, %0" : "=r"(mask) : "r"(index), "rm"(count) : "cc");
    return index & mask;
}

static inline u64 max(u64 a, u64 b)
{
    return a > b ? a : b;
}
