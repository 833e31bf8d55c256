/*
 * luv: Luvalley as dom0's users see it.
 *
 *   luv run -- COMMAND ...   run a QEMU (or any user of /dev/kvm) on Luvalley; its exit status is the command's
 *   luv open                 let the group kvm run guests, whose memory is the pools
 *   luv close                end that; guests that run stay
 *   luv info                 the hypervisor and its pools
 *   luv list                 the domains: whose memory, how many processors
 *   luv stat [DOMAIN]        how often guests came back to their VMM, by reason
 *   luv log                  what Luvalley has written
 *   luv destroy DOMAIN       end a domain, whoever has made it
 */
#include "luv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct command {
    const char *name;
    int (*run)(int count, char **arguments);
    const char *usage;
} commands[] = {
    {"run", run_command, "run -- COMMAND ...   run a user of /dev/kvm on Luvalley"},
    {"open", open_command, "open                 let the group kvm run guests (root)"},
    {"close", close_command, "close                end that (root)"},
    {"info", print_info, "info                 describe the hypervisor and its pools"},
    {"list", print_list, "list                 show the domains (root)"},
    {"stat", print_stat, "stat [DOMAIN]        count the exits of guests by kind (root)"},
    {"log", print_log, "log                  print Luvalley's log (root)"},
    {"destroy", destroy_command, "destroy DOMAIN       end a domain (root)"},
};

#define COMMANDS (sizeof commands / sizeof *commands)

int complain(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("luv: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return LUV_FAILED;
}

static int print_usage(void)
{
    for (unsigned i = 0; i < COMMANDS; i++)
        fprintf(stderr, "%s luv %s\n", i ? "      " : "usage:", commands[i].usage);
    return LUV_USAGE;
}

int main(int count, char **arguments)
{
    for (unsigned i = 0; count > 1 && i < COMMANDS; i++)
        if (!strcmp(arguments[1], commands[i].name))
            return commands[i].run(count - 2, arguments + 2);
    return print_usage();
}
