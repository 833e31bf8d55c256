/* options.32.c and line.32.c on the host: the line ends at an unmapped page, and output is stored. */
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "boot/multiboot/line.h"
#include "boot/multiboot/options.h"
#include "boot/multiboot/text.h"

#define ROOM 8192
#define PRINTED_MAX 16384

enum { ACCEPTED, STOPPED, FAULTED };    /* the last call read past the end, or UBSan found an error */

static u8 *room;                        /* the last byte before an unmapped page is room[ROOM - 1] */
static u32 base;                        /* the address that memory_at translates to room */
static char printed[PRINTED_MAX];
static u32 printed_size;
static sigjmp_buf stopped;

void text_char(char c)
{
    if (printed_size < PRINTED_MAX)
        printed[printed_size++] = c;
}

void text_put(const char *text)
{
    for (; *text; text++)
        text_char(*text);
}

void text_stop(void)
{
    siglongjmp(stopped, STOPPED);
}

static void on_fault(int signal)
{
    (void)signal;
    siglongjmp(stopped, FAULTED);
}

void *memory_at(u32 address)
{
    return room + (address - base);
}

static u8 *place(const void *bytes, u32 size)
{
    if (!room) {
        room = mmap(0, ROOM + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        mprotect(room + ROOM, 4096, PROT_NONE);
    }
    printed_size = 0;
    return memcpy(room + ROOM - size, bytes, size);
}

/* The values that the tests know, whatever options there are besides. */
struct values {
    u8 drive, partition, watch, serial;
    u32 count, superpages[8];
};

int host_parse(const void *line, u32 size, struct values *values)
{
    struct options options = {.disk.drive = 0x80};
    struct sigaction fault = {.sa_handler = on_fault}, before[2];
    const char *at = (const char *)place(line, size);
    sigaction(SIGSEGV, &fault, &before[0]);
    sigaction(SIGILL, &fault, &before[1]);
    volatile int end = sigsetjmp(stopped, 1);
    if (!end)
        options_parse(at, size, &options);
    sigaction(SIGSEGV, &before[0], 0);
    sigaction(SIGILL, &before[1], 0);
    *values = (struct values){options.disk.drive, options.disk.partition, options.apic_watch,
                              options.log_serial, options.pools.count,    {0}};
    for (u32 i = 0; i < options.pools.count && i < COUNT_OF(values->superpages); i++)
        values->superpages[i] = options.pools.superpages[i];
    return end;
}

/* Find the command line in information at `address`, followed by the rest of memory; -1: unknown loader. */
int host_find(u32 magic, u32 address, const void *info, u32 size, u32 *found)
{
    u8 *at = place(info, size);
    base = address - (u32)(at - room);
    if (sigsetjmp(stopped, 1))
        return -1;
    struct line line = line_find(magic, address);
    found[0] = line.text ? (u32)((const u8 *)line.text - at) : 0;
    found[1] = line.size;
    return 0;
}

u32 host_printed(char *to)
{
    memcpy(to, printed, printed_size);
    return printed_size;
}
