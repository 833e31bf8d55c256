/*
 * A process without any right (user 1000, no groups) tries to get a domain on Luvalley, and what other processes do.
 *
 *   outsider MIB     with every page of so much memory; exit status 0 if nothing was granted
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "dom0/token.h"
#include "tests/userspace/testvmm/calls.h"

#define OUTSIDER 1000
#define PAGE 4096ul
#define DEVICE "/dev/dax0.0"

static unsigned granted;

static void refuse(const char *what, bool wrong)
{
    granted += wrong;
    if (wrong)
        printf("outsider: %s\n", what);
}

/* --- What it may not open --- */

static sigjmp_buf refused;

static void on_fault(int signal)
{
    siglongjmp(refused, signal);
}

/* Returns the signal; 0: the port was written. */
static int write_port(void)
{
    uint64_t status = (uint64_t)LUV_HYPERCALL_MAGIC << 32 | LUV_HYPERCALL_token_set, port = LUV_ROOT_PORT;
    int signal = sigsetjmp(refused, 1);

    if (!signal)
        __asm__ volatile("outl %%eax, %%dx" : "+a"(status), "+d"(port) : "D"(1ull), "S"(1ull) : "memory");
    return signal;
}

static void try_files(void)
{
    uint64_t token[2];

    refuse("the token can be read", !read_luv_token(token));
    refuse("the pool's device can be opened", open(DEVICE, O_RDWR) >= 0 || open(DEVICE, O_RDONLY) >= 0);
    refuse("root's port can be requested", !ioperm(LUV_ROOT_PORT, 4, 1) || !iopl(3));
    signal(SIGSEGV, on_fault);
    refuse("root's port can be written", !write_port());
}

/* --- Calls about the hypervisor --- */

static void try_questions(const uint64_t secret[2])
{
    refuse("info answers", !call(LUV_HYPERCALL_info, LUV_INFO_POOL_BASE, 0, 0, 0, secret).status);
    refuse("the log can be read", !call(LUV_HYPERCALL_log_read, 0, 0, 0, 0, secret).status);
    refuse("exits can be counted", !call(LUV_HYPERCALL_exit_count, 0, 1, 0, 0, secret).status);
    refuse("domains are listed", !call(LUV_HYPERCALL_domain_list, 0, 0, 0, 0, secret).status);
    refuse("a token can be set", !call(LUV_HYPERCALL_token_set, 1, 1, 0, 0, secret).status);
}

/* --- A domain with any page as the proof, then every superpage: each is zeroed --- */

static void claim_all(uint64_t domain, const uint64_t secret[2])
{
    for (uint64_t number = 0; number < 4096; number++)
        call(LUV_HYPERCALL_superpage_claim, domain, number, 0, 0, secret);
}

static bool try_page(uint8_t *page, const uint64_t token[2], const uint64_t secret[2])
{
    struct result result = call(LUV_HYPERCALL_domain_create, 0, (uintptr_t)page, secret[0], secret[1], token);

    if (!result.status)
        claim_all(result.value, secret);
    return !result.status;
}

static void try_memory(uint64_t bytes, const uint64_t secret[2])
{
    const uint64_t tokens[][2] = {{secret[0], secret[1]}, {0, 0}, {~0ull, ~0ull}, {0, 1}};
    uint8_t *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    bool made = false;

    if (memory == MAP_FAILED || madvise(memory, bytes, MADV_POPULATE_WRITE))
        puts("outsider: not all of the memory is there");
    for (uint64_t at = 0; memory != MAP_FAILED && at < bytes && !made; at += PAGE)
        made |= try_page(memory + at, tokens[at / PAGE % (sizeof tokens / sizeof *tokens)], secret);
    refuse("a domain was made", made);
}

int main(int count, char **arguments)
{
    uint64_t bytes = (count > 1 ? strtoull(arguments[1], NULL, 0) : 64) << 20, secret[2];

    if (setgroups(0, NULL) || setgid(OUTSIDER) || setuid(OUTSIDER) || getrandom(secret, sizeof secret, 0) != sizeof secret)
        return 2;
    try_files();
    try_questions((uint64_t[]){0, 0});
    try_questions(secret);
    try_memory(bytes, secret);
    if (!granted)
        puts("outsider: nothing was granted");
    return granted != 0;
}
