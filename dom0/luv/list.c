/* luv list, luv stat, luv destroy: other users' domains too, hence for root. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "luv.h"
#include "luvalley_abi.h"

#define FRAME_MIB 2

#define KINDS (sizeof luv_run_ends / sizeof *luv_run_ends)

static uint64_t get_stat(uint64_t domain, uint32_t which)
{
    uint64_t value = 0;

    return call_as_root(LUV_HYPERCALL_domain_stat, domain, which, &value) ? 0 : value;
}

/* For each that is there now; its number is its place. */
static void visit_domains(void (*visit)(uint32_t number, uint64_t domain))
{
    uint64_t domain;
    int64_t status = 0;

    for (uint32_t number = 0; status != -EINVAL; number++) {
        status = call_as_root(LUV_HYPERCALL_domain_list, number, 0, &domain);
        if (!status)
            visit(number, domain);
    }
}

/* --- list --- */

static void print_domain(uint32_t number, uint64_t domain)
{
    printf("%-6" PRIu32 " 0x%-14" PRIx64 " %5" PRIu64 " %11" PRIu64 " %5" PRIu64 "%s\n", number, domain,
           get_stat(domain, LUV_STAT_VCPUS), get_stat(domain, LUV_STAT_SUPERPAGES) * FRAME_MIB, get_stat(domain, LUV_STAT_POOL),
           get_stat(domain, LUV_STAT_LIFE) == LUV_LIFE_DYING ? "  ending" : "");
}

int print_list(int count, char **arguments)
{
    (void)arguments;
    if (!is_ready("list", count, 0, true))
        return LUV_FAILED;
    printf("%-6s %-16s %5s %11s %5s\n", "domain", "handle", "vCPUs", "memory, MiB", "pool");
    visit_domains(print_domain);
    return 0;
}

/* --- stat: one line per domain, a column per kind of exit --- */

static void print_head(void)
{
    printf("%-6s", "domain");
    for (unsigned kind = 0; kind < KINDS; kind++)
        printf(" %*s", (int)(strlen(luv_run_ends[kind]) < 9 ? 9 : strlen(luv_run_ends[kind])), luv_run_ends[kind]);
    putchar('\n');
}

static void print_exits(uint32_t number, uint64_t domain)
{
    printf("%-6" PRIu32, number);
    for (unsigned kind = 0; kind < KINDS; kind++)
        printf(" %*" PRIu64, (int)(strlen(luv_run_ends[kind]) < 9 ? 9 : strlen(luv_run_ends[kind])), get_stat(domain, kind));
    putchar('\n');
}

int print_stat(int count, char **arguments)
{
    uint64_t domain;

    if (!is_ready("stat", count, 1, true))
        return LUV_FAILED;
    domain = count ? find_domain(arguments[0]) : 0;
    if (count && !domain)
        return LUV_FAILED;
    print_head();
    if (count)
        print_exits((uint32_t)(domain & 0xFFFF), domain);
    else
        visit_domains(print_exits);
    return 0;
}

/* --- destroy --- */

int destroy_command(int count, char **arguments)
{
    uint64_t domain;
    int64_t status;

    if (!count) {
        complain("destroy needs a domain: `luv list` shows them.");
        return LUV_USAGE;
    }
    if (!is_ready("destroy", count, 1, true))
        return LUV_FAILED;
    domain = find_domain(arguments[0]);
    if (!domain)
        return LUV_FAILED;
    status = destroy_domain(NULL, domain);
    if (status == -ENOENT)
        return complain("there is no domain %s.", arguments[0]);
    return status ? complain("the domain does not end: error %" PRId64 ".", -status) : 0;
}
