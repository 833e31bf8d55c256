/* luv log: the hypervisor's own log, as far as it is kept. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "luv.h"
#include "luvalley_abi.h"

#define WORD sizeof(uint64_t)

/* The next bytes of the log in `bytes`, zeros at its end. The ring may overwrite them meanwhile: then `offset` moves. 0 or -errno. */
static int64_t read_word(uint64_t *offset, char bytes[WORD])
{
    uint64_t begin = 0, word = 0;
    int64_t status = call_as_root(LUV_HYPERCALL_log_read, *offset, 0, &word);

    if (!status && !word && !call_as_root(LUV_HYPERCALL_info, LUV_INFO_LOG_BEGIN, 0, &begin) && begin > *offset) {
        *offset = begin;
        status = call_as_root(LUV_HYPERCALL_log_read, *offset, 0, &word);
    }
    memcpy(bytes, &word, sizeof word);
    return status;
}

int print_log(int count, char **arguments)
{
    uint64_t offset = 0;
    bool whole = true; /* not in a line whose beginning is overwritten */

    (void)arguments;
    if (!is_ready("log", count, 0, true))
        return LUV_FAILED;
    for (;;) {
        char bytes[WORD];
        uint64_t expected = offset;
        int64_t status = read_word(&offset, bytes);
        size_t length, start = 0;

        if (status)
            return complain("the log cannot be read: error %" PRId64 ".", -status);
        length = strnlen(bytes, WORD);
        whole &= offset == expected;
        for (; !whole && start < length; start++)
            whole = bytes[start] == '\n';
        fwrite(bytes + start, 1, length - start, stdout);
        offset += length;
        if (length < WORD)
            return 0;
    }
}
