/*
 * A test VMM: creates domains by hypercalls on /dev/dax0.0, runs guests of a few instructions, and compares their exits and state
 * with ABI.md. Each case is a process, so that one that hangs or crashes does not affect the others; a line per case.
 *
 *   testvmm [CASE...]     all cases, or those named; exit status 0 if none failed
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define SECONDS 30 /* seconds for a case, by dom0's clock */

struct test {
    const char *name;
    void (*run)(void);
};

#define LIST(name) {#name, case_##name},
static const struct test tests[] = {CASES(LIST)};
#undef LIST

static bool run_test(const struct test *test)
{
    int status;
    pid_t child;

    printf("case %s:", test->name);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        alarm(SECONDS);
        test->run();
        fflush(stdout);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        puts(" FAILED: no process for it");
    else if (WIFSIGNALED(status))
        printf(" FAILED: %s\n", WTERMSIG(status) == SIGALRM ? "no end" : strsignal(WTERMSIG(status)));
    else if (!WEXITSTATUS(status))
        puts(" ok");
    fflush(stdout);
    return status == 0;
}

static bool is_wanted(const char *name, char **names)
{
    bool expected = !*names;

    for (; *names; names++)
        expected |= !strcmp(*names, name);
    return expected;
}

int main(int count, char **arguments)
{
    unsigned run = 0, failed = 0;

    (void)count;
    for (unsigned i = 0; i < sizeof tests / sizeof *tests; i++)
        if (is_wanted(tests[i].name, arguments + 1)) {
            run++;
            failed += !run_test(&tests[i]);
        }
    printf("cases: %u, failed: %u\n", run, failed);
    return failed || !run;
}
