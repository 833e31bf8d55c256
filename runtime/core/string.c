/* gcc may emit calls of these even with -ffreestanding. */
#include "core/string.h"

void *memcpy(void *to, const void *from, size_t size)
{
    void *start = to;
    size_t words = size / 8, bytes = size % 8;
    asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
    return start;
}

void *memset(void *to, int byte, size_t size)
{
    void *start = to;
    size_t words = size / 8, bytes = size % 8;
    u64 word = (u8)byte * 0x0101010101010101ull;
    asm volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(word) : "memory");
    asm volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(word) : "memory");
    return start;
}

void *memmove(void *to, const void *from, size_t size)
{
    if ((u64)to - (u64)from >= size)
        return memcpy(to, from, size);
    u8 *t = (u8 *)to + size - 1;
    const u8 *f = (const u8 *)from + size - 1;
    asm volatile("std; rep movsb; cld" : "+D"(t), "+S"(f), "+c"(size) : : "memory");
    return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const u8 *x = a, *y = b;
    for (size_t i = 0; i < size; i++)
        if (x[i] != y[i])
            return x[i] - y[i];
    return 0;
}
