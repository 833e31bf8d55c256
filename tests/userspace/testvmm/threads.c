/* Cases with several CPUs of dom0: vCPUs that move between CPUs, memory that is unmapped while a vCPU runs. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

#define FACTOR 6364136223846793005ull
#define ADDEND 1442695040888963407ull
#define WORDS 0x20000
#define PASSES 8

static struct domain domain;
static struct processor *cpu = domain.processors;

static void move_to(long number)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)(number % sysconf(_SC_NPROCESSORS_ONLN)), &set);
    CHECK(!sched_setaffinity(0, sizeof set, &set), "cannot run on CPU %ld", number);
}

static void start_fill(uint64_t seed)
{
    make_domain(&domain);
    begin(cpu, LONG);
    LOAD(&domain, fill);
    cpu->run->rax = seed;
    cpu->run->rbx = FACTOR;
    cpu->run->rdx = ADDEND;
}

/* Check the sequence that the guest has written; return where it continues. */
static uint64_t check_pass(uint64_t value)
{
    const uint64_t *words = (const uint64_t *)(domain.memory + 0x100000);

    for (uint64_t i = 0; i < WORDS; i++) {
        value = value * FACTOR + ADDEND;
        CHECK(words[i] == value, "word %" PRIu64 " is %#" PRIx64 ", not %#" PRIx64, i, words[i], value);
    }
    return value;
}

/* One pass of the guest, on another CPU after each return. */
static void run_moving(long *moves)
{
    for (;;) {
        struct result result;

        move_to((*moves)++);
        result = enter(cpu);
        STATUS(result, 0);
        if (result.value == LUV_EXIT_IO)
            break;
        EQUAL(result.value, LUV_EXIT_INTERRUPTED);
    }
    cpu->run->finish = LUV_FINISH_ADVANCE;
}

void case_migration(void)
{
    uint64_t value = 0x1234567;
    long moves = 0;

    start_fill(value);
    for (int pass = 0; pass < PASSES; pass++) {
        memset(domain.memory + 0x100000, 0, 0x100000);
        run_moving(&moves);
        value = check_pass(value);
    }
    CHECK(moves >= PASSES, "moved %ld times", moves);
}

static volatile bool ended;
static volatile unsigned faults;

/* Run the guest; after an exit for unmapped memory, run it again. */
static void *run_counter(void *unused)
{
    move_to(1);
    while (!ended) {
        struct result result = enter(cpu);

        STATUS(result, 0);
        if (result.value == LUV_EXIT_NESTED_PAGE_FAULT) {
            EQUAL(cpu->run->memory.physical & -SUPERPAGE, 0x40000000);
            faults++;
            sched_yield();
        } else {
            EQUAL(result.value, LUV_EXIT_INTERRUPTED);
        }
    }
    return unused;
}

static void wait_a_moment(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
}

static void remove_and_return(volatile uint64_t *counter, const uint8_t *view)
{
    uint64_t before, removed;

    before = *counter;
    for (int i = 0; i < 1000 && *counter == before; i++)
        wait_a_moment();
    CHECK(*counter != before, "the guest does not count");
    unmap_memory(&domain, 0x40000000, SUPERPAGE);
    removed = *counter;
    wait_a_moment();
    EQUAL(*counter, removed); /* the guest cannot write after memory_unmap has returned 0 */
    map_memory(&domain, 0x40000000, view, SUPERPAGE, 7);
}

void case_slot_removal(void)
{
    pthread_t thread;
    uint8_t *view;

    make_domain(&domain);
    begin(cpu, LONG);
    reach_second_gigabyte(&domain);
    LOAD(&domain, count);
    view = map_superpage(claim_superpage(&domain));
    map_memory(&domain, 0x40000000, view, SUPERPAGE, 7);
    cpu->run->rbx = 0x40000100;
    move_to(0);
    CHECK(!pthread_create(&thread, NULL, run_counter, NULL), "no thread");
    for (int turn = 0; turn < 30; turn++)
        remove_and_return((volatile uint64_t *)(view + 0x100), view);
    ended = true;
    pthread_join(thread, NULL);
    CHECK(faults, "the guest had no exit for unmapped memory");
}

static void *hold_vcpu(void *unused)
{
    move_to(1);
    while (!ended)
        enter(cpu);
    return unused;
}

/* A vCPU is on one CPU at a time; other callers get EBUSY, and a domain that runs is not destroyed. */
void case_busy_vcpu(void)
{
    unsigned busy = 0;
    pthread_t thread;

    make_domain(&domain);
    begin(cpu, LONG);
    LOAD(&domain, spin);
    move_to(0);
    CHECK(!pthread_create(&thread, NULL, hold_vcpu, NULL), "no thread");
    wait_a_moment();
    for (int turn = 0; turn < 300 || (!busy && turn < 300000); turn++) { /* CPU 1 may be busy at first */
        struct result result = call(LUV_HYPERCALL_vcpu_get, cpu->handle, LUV_STATE_XCR0, 8, 0, domain.secret);

        CHECK(!result.status || result.status == -EBUSY, "vcpu_get returns %" PRId64, result.status);
        busy += result.status == -EBUSY;
    }
    CHECK(busy || sysconf(_SC_NPROCESSORS_ONLN) == 1, "the vCPU was never busy");
    destroy(&domain);
    ended = true;
    pthread_join(thread, NULL);
}

static void fill_alone(long number)
{
    uint64_t value = 77 + (uint64_t)number;

    move_to(number);
    start_fill(value);
    for (int pass = 0; pass < PASSES; pass++) {
        RUN(cpu, IO);
        value = check_pass(value);
        cpu->run->finish = LUV_FINISH_ADVANCE;
    }
    _exit(0);
}

/* Two domains at once keep their memory contents apart, and dom0's sleeps are not delayed. */
void case_two_domains(void)
{
    struct timespec start, end;
    int status;

    for (long number = 0; number < 2; number++)
        if (!fork())
            fill_alone(number);
    for (int turn = 0; turn < 10; turn++) {
        clock_gettime(CLOCK_MONOTONIC, &start);
        wait_a_moment();
        clock_gettime(CLOCK_MONOTONIC, &end);
        CHECK(end.tv_sec - start.tv_sec < 2, "a short sleep of dom0 took seconds");
    }
    for (int number = 0; number < 2; number++)
        CHECK(wait(&status) > 0 && !status, "one of them ended with %#x", status);
}

#define MOST 16
#define BIRTHS 60

/* Each vCPU belongs to its domain alone: its shared area, and no other's, has the state after RESET. */
static void expect_new(uint64_t handle, const uint8_t *block)
{
    const volatile struct luv_run *run = (const volatile struct luv_run *)(block + offsetof(struct luv_shared_area, run));
    struct result result;

    EQUAL(run->rip, 0xFFF0);
    result = call(LUV_HYPERCALL_vcpu_get, handle, LUV_STATE_XCR0, 8, 0, domain.secret);
    STATUS(result, 0);
    EQUAL(*(const volatile uint64_t *)(block + offsetof(struct luv_shared_area, state)), 1);
}

static void make_all_vcpus(void)
{
    uint64_t handles[MOST];

    memset(domain.shared_areas, 0, SUPERPAGE);
    for (uint32_t i = 0; i < MOST; i++) {
        struct result result = call_domain(&domain, LUV_HYPERCALL_vcpu_create, i,
                                           (uintptr_t)domain.shared_areas + i * sizeof(struct luv_shared_area), 0);

        STATUS(result, 0);
        handles[i] = result.value;
    }
    for (uint32_t i = 0; i < MOST; i++)
        expect_new(handles[i], domain.shared_areas + i * sizeof(struct luv_shared_area));
}

static void be_born(long number)
{
    move_to(number);
    for (int turn = 0; turn < BIRTHS; turn++) {
        STATUS(create_domain(&domain, 0, find_proof()), 0);
        domain.shared_areas = map_superpage(claim_superpage(&domain));
        make_all_vcpus();
        destroy(&domain);
    }
    _exit(0);
}

/* vCPUs are created on two CPUs at once. */
void case_births(void)
{
    int status;

    for (long number = 0; number < 2; number++)
        if (!fork())
            be_born(number);
    for (int number = 0; number < 2; number++)
        CHECK(wait(&status) > 0 && !status, "one of them ended with %#x", status);
}
