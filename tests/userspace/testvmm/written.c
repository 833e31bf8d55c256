/* Cases: memory_dirty reports the pages that a guest has written. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

#define PLACE 0x40000000ul /* of a frame, in the guest */
#define ALL UINT64_MAX
#define LOGS 40

static struct domain domain;
static struct processor *cpu = domain.processors;

static struct result ask_written(uint64_t page, uint64_t pages)
{
    return call_domain(&domain, LUV_HYPERCALL_memory_dirty, PLACE + page * PAGE, pages, 0);
}

/* Wait until every CPU sets dirty bits for its writes. */
static void make_quiet(void)
{
    for (int i = 0; call_domain(&domain, LUV_HYPERCALL_memory_unmap, 0, 0, 0).status == -EAGAIN; i++) {
        CHECK(i < 100000, "a CPU does not exit from the guest");
        sched_yield();
    }
}

static uint64_t take_log(uint64_t page)
{
    struct result result = ask_written(page, 64);

    STATUS(result, 0);
    make_quiet();
    return result.value;
}

static uint8_t *start(void)
{
    uint8_t *view;

    make_domain(&domain);
    begin(cpu, LONG);
    reach_second_gigabyte(&domain);
    view = map_superpage(claim_superpage(&domain));
    map_memory(&domain, PLACE, view, SUPERPAGE, 7);
    return view;
}

static void touch(uint64_t first, uint64_t end)
{
    cpu->run->rip = CODE;
    cpu->run->rbx = PLACE + first * PAGE;
    cpu->run->rcx = PLACE + end * PAGE;
    RUN(cpu, HALT);
}

/* A large page has one dirty bit; once it was reported, each of its pages has its own. */
void case_written_pages(void)
{
    start();
    LOAD(&domain, touch);
    EQUAL(take_log(0), 0);
    touch(5, 9);
    EQUAL(take_log(0), ALL);
    EQUAL(take_log(64), ALL);
    EQUAL(take_log(0), 0);
    touch(5, 9);
    touch(70, 71);
    EQUAL(ask_written(6, 2).value, 3);
    EQUAL(take_log(0), 0x120);
    EQUAL(take_log(64), 1 << 6);
    EQUAL(take_log(0), 0);
    touch(5, 6);
    EQUAL(take_log(0), 0x20);
    STATUS(ask_written(0, 0), -EINVAL);
    STATUS(ask_written(0, 65), -EINVAL);
    STATUS(ask_written(SUPERPAGE / PAGE - 1, 2), -EINVAL);
    STATUS(ask_written(1ull << 50, 1), -EINVAL);
    STATUS(ask_written(0, 1ull << 32), -EINVAL);
    EQUAL(ask_written(SUPERPAGE / PAGE + 7, 64).value, 0); /* not mapped */
}

static volatile bool ended;

static void *run_counter(void *unused)
{
    while (!ended) {
        struct result result = enter(cpu);

        STATUS(result, 0);
        EQUAL(result.value, LUV_EXIT_INTERRUPTED);
    }
    return unused;
}

/* A page that is not reported was not written between two calls. */
void case_written_meanwhile(void)
{
    volatile uint64_t *counter = (volatile uint64_t *)(start() + 3 * PAGE);
    unsigned found_late = 0;
    pthread_t thread;

    LOAD(&domain, count);
    cpu->run->rbx = PLACE + 3 * PAGE;
    CHECK(!pthread_create(&thread, NULL, run_counter, NULL), "no thread");
    for (int i = 0; i < LOGS; i++) {
        uint64_t after = *counter, before;

        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        before = *counter;
        if (take_log(0) >> 3 & 1)
            found_late++;
        else
            EQUAL(before, after);
    }
    ended = true;
    pthread_join(thread, NULL);
    CHECK(found_late > LOGS / 4, "only %u of %u logs report the writes", found_late, LOGS);
}
