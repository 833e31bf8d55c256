/* Reports a failed check and ends the case. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test.h"

void fail(const char *file, int line, const char *format, ...)
{
    const char *name = strrchr(file, '/');
    va_list arguments;

    printf(" FAILED at %s:%d: ", name ? name + 1 : file, line);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
    _exit(1);
}

void check_equal(const char *file, int line, const char *what, uint64_t value, uint64_t expected)
{
    if (value != expected)
        fail(file, line, "%s is %#" PRIx64 ", not %#" PRIx64, what, value, expected);
}

void check_status(const char *file, int line, const char *what, int64_t status, int64_t expected)
{
    if (status != expected)
        fail(file, line, "%s returns %" PRId64 ", not %" PRId64, what, status, expected);
}
