/* luv log: the hypervisor's own log, as far as it is kept. */
#include <stdio.h>
#include <string.h>

#include "luv.h"
#include "luvalley_abi.h"

#define WORD sizeof(uint64_t)

/* The next bytes of the log, and how many; 0 at its end. The ring may overwrite them meanwhile: then `offset` moves. */
static size_t read_word(uint64_t *offset, char bytes[WORD])
{
    uint64_t begin, word = 0;

    call_luvalley(LUV_HYPERCALL_log_read, *offset, 0, &word);
    if (!word && !call_luvalley(LUV_HYPERCALL_info, LUV_INFO_LOG_BEGIN, 0, &begin) && begin > *offset) {
        *offset = begin;
        call_luvalley(LUV_HYPERCALL_log_read, *offset, 0, &word);
    }
    memcpy(bytes, &word, sizeof word);
    return strnlen(bytes, WORD);
}

int print_log(int count, char **arguments)
{
    uint64_t offset = 0;
    bool whole = true; /* not in a line whose beginning is overwritten */

    (void)arguments;
    if (!is_ready("log", count, 0, false))
        return LUV_FAILED;
    for (;;) {
        char bytes[WORD];
        uint64_t expected = offset;
        size_t length = read_word(&offset, bytes), start = 0;

        whole &= offset == expected;
        for (; !whole && start < length; start++)
            whole = bytes[start] == '\n';
        fwrite(bytes + start, 1, length - start, stdout);
        offset += length;
        if (length < WORD)
            return 0;
    }
}
