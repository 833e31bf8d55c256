/* multiboot.c, start.c and acpi.c on the host: memory below 4 GiB is an array of the test. */
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "boot/acpi.h"
#include "boot/bios/find.h"
#include "boot/boot.h"
#include "boot/multiboot/multiboot.h"
#include "boot/start.h"
#include "core/apic.h"
#include "core/log.h"
#include "core/panic.h"

#define MEMORY_SIZE GIB(4)
#define OWN_ID 5

__attribute__((noreturn)) void multiboot_boot(const struct handoff *handoff);

u64 direct_map;
bool log_serial;

static sigjmp_buf ended;
static const char *error_name;
static u8 *memory;                      /* its pages are allocated when they are written; memory after it is not mapped */

void boot_stop(const char *error, const char *why)
{
    (void)why;
    error_name = error;
    siglongjmp(ended, 1);
}

void boot(void)
{
    boot_stop("", "");
}

u32 apic_own_id(void)
{
    return OWN_ID;
}

void log_line(const char *text, u64 a, u64 b)
{
    (void)text, (void)a, (void)b;
}

/* All zero again. */
u8 *host_memory(void)
{
    if (memory)
        munmap(memory, MEMORY_SIZE + PAGE_SIZE);
    memory = mmap(0, MEMORY_SIZE + PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    mprotect(memory + MEMORY_SIZE, PAGE_SIZE, PROT_NONE);
    direct_map = (u64)memory;
    memset(&start, 0, sizeof(start));
    return memory;
}

static void on_fault(int signal)
{
    (void)signal;
    boot_stop("fault", "");
}

/* Returns the error's name, or null; the result is in struct start. */
const char *host_boot(u32 magic, u32 info)
{
    struct sigaction fault = {.sa_handler = on_fault}, before;
    static struct handoff handoff;
    handoff = (struct handoff){.magic = magic, .info = info, .options.log_serial = true};
    sigaction(SIGSEGV, &fault, &before);
    if (!sigsetjmp(ended, 1))
        multiboot_boot(&handoff);
    sigaction(SIGSEGV, &before, 0);
    return error_name;
}

u32 host_numbers(u64 *list)
{
    u64 numbers[] = {start.rsdp,          start.low_page,    start.program,      start.cpu_count,
                     start.cpus_left_out, start.range_count, start.module_count, log_serial};
    memcpy(list, numbers, sizeof(numbers));
    return COUNT_OF(numbers);
}

u64 host_cpu(u32 index)
{
    return start.apic_ids[index];
}

void host_range(u32 index, u64 *list)
{
    list[0] = start.ranges[index].base;
    list[1] = start.ranges[index].length;
    list[2] = start.ranges[index].type;
}

const char *host_module(u32 index, u64 *list)
{
    list[0] = start.modules[index].start;
    list[1] = start.modules[index].end;
    return start.modules[index].line;
}
