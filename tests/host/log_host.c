/* The ring of the log as the runtime has it, without its devices, and `luv log`, which reads it. */
#include "core/host.h"

static u64 clock;
#define host_rdtsc() clock
#define host_in8(port) ((u8)((port) & 0))
#define host_out8(port, value) ((void)(port), (void)(value))
#include "core/log.c"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "luv/luv.h"
#include "generated/abi/luvalley_abi.h"

u64 direct_map;                 /* only for the screen, to which nothing is written here */
static u32 reads_until_more;    /* so many reads, then another CPU writes to the log */

bool is_ready(const char *command, int count, int max, bool root)
{
    (void)command, (void)root;
    return count <= max;
}

int complain(const char *format, ...)
{
    puts(format);
    return LUV_FAILED;
}

static void write_more(void)
{
    for (u32 i = 0; i < LOG_SIZE / 16; i++)
        log_line("meanwhile, %", i, 0);
}

int64_t call_as_root(uint32_t number, uint64_t first, uint64_t second, uint64_t *value)
{
    (void)second;
    if (number == LUV_HYPERCALL_log_read)
        *value = log_read(0, first).value;
    else if (number == LUV_HYPERCALL_info && first == LUV_INFO_LOG_BEGIN)
        *value = log_begin();
    else
        abort();
    if (reads_until_more && !--reads_until_more)
        write_more();
    return 0;
}

/* log_host COUNT TICKS READS: log COUNT lines TICKS apart, print the log; after READS calls another CPU logs a lot. TICKS 0: not limited. */
int main(int count, char **arguments)
{
    u32 lines = (u32)atol(arguments[1]);
    u64 ticks = strtoull(arguments[2], 0, 0);
    if (count != 4)
        return 2;
    for (u32 i = 0; i < lines; i++, clock += ticks) {
        if (ticks)
            log_limited("line % of %", i, lines);
        else
            log_line("line % of %", i, lines);
    }
    reads_until_more = (u32)atol(arguments[3]);
    return print_log(0, arguments);
}
