/* text.32.c on the host: low memory is an array, COM1 is ready never, at once, or after some reads of its status. */
#include "boot/multiboot/text.h"
#include "core/host.h"

#define MEMORY_SIZE 0xC0000
#define LINE_STATUS 0x3FD
#define MOST 65536

u8 host_memory[MEMORY_SIZE];
u32 host_reads, host_written, host_busy;    /* reads of the status, bytes written to the data port, reads until it is ready */
u16 host_ports[MOST];
u8 host_values[MOST];

static u32 reads_now;

void *memory_at(u32 address)
{
    return &host_memory[address];
}

u8 host_in8(u16 port)
{
    host_reads++;
    return port == LINE_STATUS && reads_now++ >= host_busy ? 0x20 : 0xDF;
}

void host_out8(u16 port, u8 value)
{
    reads_now = 0;
    host_ports[host_written % MOST] = port;
    host_values[host_written++ % MOST] = value;
}
