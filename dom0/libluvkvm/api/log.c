#include "api/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define KEYS 128

static FILE *open_log(void)
{
    static FILE *_Atomic file;
    const char *path = getenv("LUVKVM_LOG");
    FILE *opened = atomic_load(&file);

    if (opened)
        return opened;
    opened = path ? fopen(path, "ae") : NULL;
    if (!opened)
        opened = stderr;
    atomic_store(&file, opened);
    return opened;
}

static void write_line(const char *format, va_list arguments)
{
    char text[512];

    vsnprintf(text, sizeof text, format, arguments);
    fprintf(open_log(), "luvkvm: %s\n", text);
    fflush(open_log());
}

void log_line(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    write_line(format, arguments);
    va_end(arguments);
}

/* Is this the first time? A full table lets nothing new through: a guest shall not fill the log. */
static int is_first(unsigned long key)
{
    static atomic_ulong keys[KEYS];

    for (int i = 0; i < KEYS; i++) {
        unsigned long empty = 0;

        if (atomic_compare_exchange_strong(&keys[i], &empty, key))
            return 1;
        if (empty == key)
            return 0;
    }
    return 0;
}

void log_once(unsigned long key, const char *format, ...)
{
    va_list arguments;

    if (!is_first(key))
        return;
    va_start(arguments, format);
    write_line(format, arguments);
    va_end(arguments);
}
