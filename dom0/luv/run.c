/* luv run: preload the library into a command, and clean up after it. */
#define _GNU_SOURCE
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "luv.h"

#define LIBRARY "libluvkvm.so"
#define SECRET_BYTES 16

/* --- Where the library is: named, beside this program, or where packages put it --- */

static bool find_library(char *path)
{
    const char *named = getenv("LUVKVM_LIBRARY");
    char self[PATH_MAX] = "";

    if (named)
        return snprintf(path, PATH_MAX, "%s", named) > 0 && !access(path, R_OK);
    if (readlink("/proc/self/exe", self, sizeof self - 1) > 0) {
        const char *folder = dirname(self);

        if (snprintf(path, PATH_MAX, "%s/" LIBRARY, folder) < PATH_MAX && !access(path, R_OK))
            return true;
        if (snprintf(path, PATH_MAX, "%s/../lib/" LIBRARY, folder) < PATH_MAX && !access(path, R_OK))
            return true;
    }
    return false;
}

static void preload(const char *library)
{
    const char *others = getenv("LD_PRELOAD");
    char *all;

    if (asprintf(&all, "%s%s%s", library, others ? ":" : "", others ? others : "") > 0)
        setenv("LD_PRELOAD", all, 1);
}

/* What the domain answers to, so that it can be destroyed when its owner cannot any more. */
static uint64_t secret[2];

static bool set_secret(void)
{
    uint8_t bytes[SECRET_BYTES];
    char text[2 * SECRET_BYTES + 1];

    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return false;
    for (int i = 0; i < SECRET_BYTES; i++)
        sprintf(text + 2 * i, "%02x", bytes[i]);
    memcpy(secret, bytes, sizeof secret);
    return !setenv("LUVKVM_SECRET", text, 1);
}

/* --- Options that QEMU needs: PIC and IOAPIC are emulated by QEMU --- */

static bool is_qemu(const char *program)
{
    const char *name = strrchr(program, '/');

    return !strncmp(name ? name + 1 : program, "qemu-system-", strlen("qemu-system-"));
}

static bool chooses_irqchip(char **command)
{
    for (; *command; command++)
        if (strstr(*command, "kernel-irqchip") || strstr(*command, "kernel_irqchip"))
            return true;
    return false;
}

static char **add_split(int count, char **command)
{
    char **longer = calloc((size_t)count + 3, sizeof *longer);

    if (!longer || !is_qemu(command[0]) || chooses_irqchip(command))
        return command;
    memcpy(longer, command, (size_t)count * sizeof *longer);
    longer[count] = "-machine";
    longer[count + 1] = "kernel-irqchip=split";
    return longer;
}

/* --- The command's life --- */

/* Does a process that it started still run in the background? Those are our children: see start. */
static bool has_children(void)
{
    pid_t other;

    do
        other = waitpid(-1, NULL, WNOHANG);
    while (other > 0);
    return !other;
}

/* Destroy its domain: its superpages are free at once, not only when another domain needs them. */
static void clean_up(void)
{
    int64_t status = is_luvalley_present() && !has_children() ? destroy_domain(secret, 0) : -ENOENT;

    if (status && status != -ENOENT)
        complain("the guest's memory is not free yet (error %d): it will be when another one needs it.", (int)-status);
}

static int wait_for(pid_t child)
{
    int status;

    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return complain("the command cannot be waited for: %s.", strerror(errno));
    clean_up();
    return WIFEXITED(status) ? WEXITSTATUS(status) : LUV_SIGNALLED + WTERMSIG(status);
}

/* The terminal's signals reach the command too; this one stays to clean up. What is sent to this one alone is handed on. */
static volatile sig_atomic_t child;

static void hand_on(int number)
{
    if (child > 0)
        kill(child, number);
}

static void stay(void)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    signal(SIGTERM, hand_on);
    signal(SIGHUP, hand_on);
}

static int start(char **command)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    child = fork();
    if (child < 0)
        return complain("the command cannot be started: %s.", strerror(errno));
    if (child == 0) {
        execvp(command[0], command);
        complain("%s: %s.", command[0], strerror(errno));
        _exit(LUV_NOT_FOUND);
    }
    stay();
    return wait_for(child);
}

int run_command(int count, char **arguments)
{
    char library[PATH_MAX];

    if (count && !strcmp(arguments[0], "--")) {
        count--;
        arguments++;
    }
    if (!count) {
        complain("run needs a command: luv run -- qemu-system-x86_64 -accel kvm ...");
        return LUV_USAGE;
    }
    if (!is_luvalley_present() && !getenv("LUVKVM_BACKEND"))
        return complain("Luvalley does not run this machine, which is bare or another hypervisor's.");
    if (!find_library(library))
        return complain("%s is neither beside this program nor in ../lib; LUVKVM_LIBRARY may name it.", LIBRARY);
    if (!set_secret())
        return complain("the system has no random numbers yet.");
    preload(library);
    return start(add_split(count, arguments));
}
