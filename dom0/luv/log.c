/* luv log: the hypervisor's own log, as far as it is kept. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "luv.h"
#include "luvalley_abi.h"

int print_log(int count, char **arguments)
{
    (void)arguments;
    if (!is_ready("log", count, 0, true))
        return LUV_FAILED;
    for (uint64_t offset = 0;; offset += 8) {
        uint64_t bytes;
        int64_t status = call_as_root(LUV_HYPERCALL_log_read, offset, 0, &bytes);
        size_t length;

        if (status)
            return complain("the log cannot be read: error %" PRId64 ".", -status);
        length = strnlen((const char *)&bytes, sizeof bytes);
        fwrite(&bytes, 1, length, stdout);
        if (length < sizeof bytes)
            return 0;
    }
}
