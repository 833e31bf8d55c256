/*
 * A fuzzer of hypercalls: any number with any arguments, from several processes at once, next to a domain that is used correctly.
 * Each result must be 0 or an error that the call declares; the memory of the correct domain must be what its guest wrote.
 *
 *   fuzzcalls [SECONDS [SEED]]     exit status 0 if nothing was wrong; the seed is printed
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/userspace/testvmm/test.h"
#include "luvalley_calls.h"

#define ATTACKERS 2
#define CALLS (sizeof luv_calls / sizeof *luv_calls)
#define IS(argument, text) (!strcmp((argument)->name, text))
#define USER_ID 1000

/* Sizes of states, and the limits of those that have many; XSAVE's without AVX and with it. */
static const uint32_t numbers[] = {
    LUV_STATE_SREGS_SIZE,
    LUV_STATE_DEBUGREGS_SIZE,
    LUV_STATE_XCR0_SIZE,
    LUV_STATE_CONTROLS_SIZE,
    LUV_MSRS_MAX,
    sizeof(((struct luv_shared_area *)0)->state),
    sizeof(struct kvm_msr_entry),
    576,
    832,
};

static struct domain domain;
static uint64_t seed, made;

/* --- Random numbers (xorshift), repeatable by the seed --- */

static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static uint64_t draw_below(uint64_t limit)
{
    return draw() % limit;
}

static uint64_t spoil(uint64_t value)
{
    switch (draw_below(8)) {
    case 0: return value ^ 1ull << draw_below(64);
    case 1: return value + draw_below(3) - 1;
    default: return value;
    }
}

static uint64_t draw_odd(void)
{
    static const uint64_t odd[] = {0,
                                   1,
                                   ~0ull,
                                   0xFFF,
                                   0x1000,
                                   0x1FFFFF,
                                   0x200000,
                                   0xFFFFFFFF,
                                   0x100000000,
                                   1ull << 47,
                                   0xFFFF800000000000,
                                   1ull << 52,
                                   1ull << 63,
                                   0x7FFFFFFFF000,
                                   0xFEE00000};

    return draw_below(2) ? odd[draw_below(sizeof odd / sizeof *odd)] : draw() >> draw_below(64);
}

/* --- Arguments: valid, nearly valid, or random --- */

static uint64_t draw_address(void)
{
    static uint8_t own[4 * PAGE];

    switch (draw_below(8)) {
    case 0: return (uintptr_t)own;
    case 1: return (uintptr_t)&domain;
    case 2: return (uintptr_t)find_proof() + draw_below(512) * PAGE;
    case 3: return (uintptr_t)domain.shared_areas + draw_below(64) * sizeof(struct luv_shared_area);
    case 4: return draw_odd();
    default: return (uintptr_t)domain.memory + draw_below(512) * PAGE * draw_below(2);
    }
}

static uint64_t draw_handle(enum luv_kind kind)
{
    bool mistaken = !draw_below(20);

    return spoil((kind == LUV_KIND_DOMAIN) ^ mistaken ? domain.handle : domain.processors[0].handle);
}

static uint64_t draw_superpage(void)
{
    return draw_below(2) ? draw_below(512) : domain.memory_superpage + draw_below(4);
}

static uint64_t draw_argument(const struct luv_argument *argument)
{
    if (argument->kind == LUV_KIND_NONE || !draw_below(10))
        return draw_odd();
    if (argument->kind == LUV_KIND_DOMAIN || argument->kind == LUV_KIND_VCPU)
        return draw_handle(argument->kind);
    if (IS(argument, "guest"))
        return spoil(draw_below(1024) * (draw_below(2) ? PAGE : SUPERPAGE));
    if (IS(argument, "address"))
        return spoil(draw_address());
    if (IS(argument, "size") && argument->kind == LUV_KIND_U64)
        return spoil(draw_below(1024) * PAGE | draw_below(8));
    if (IS(argument, "superpage") || IS(argument, "hint"))
        return draw_superpage();
    return draw_below(3) ? draw_below(64) : numbers[draw_below(sizeof numbers / sizeof *numbers)];
}

/* The VMM may write the shared vCPU area: overwrite at random what the next call reads of it. */
static void spoil_block(void)
{
    volatile uint8_t *block = domain.processors[0].block;
    uint64_t place = draw_below(2) ? offsetof(struct luv_shared_area, run) : offsetof(struct luv_shared_area, state),
             size = draw_below(2) ? sizeof(struct luv_run) : 1024;

    for (uint64_t count = draw_below(12); count; count--)
        block[place + draw_below(size)] = (uint8_t)draw();
    *domain.processors[0].exit_now = (uint8_t)!draw_below(4);
}

static void say(const char *what, uint32_t number, const uint64_t *arguments, struct result result)
{
    printf("fuzzcalls: %s: call %u(%#" PRIx64 ", %#" PRIx64 ", %#" PRIx64 ", %#" PRIx64 ") gave %" PRId64 ", %#" PRIx64 "\n",
           what, number, arguments[0], arguments[1], arguments[2], arguments[3], result.status, result.value);
    fflush(stdout);
    _exit(1);
}

static bool is_declared(const struct luv_call *attacked, int64_t status)
{
    bool declared = status == 0 || (attacked->callers == LUV_FROM_ROOT && status == -ENOSYS); /* no such call by VMCALL */

    for (unsigned i = 0; i < sizeof attacked->errors / sizeof *attacked->errors && attacked->errors[i]; i++)
        declared |= status == -attacked->errors[i];
    return declared;
}

static const struct luv_call *find_call(uint32_t number)
{
    static const struct luv_call none = {.name = "none", .errors = {ENOSYS}};

    for (unsigned i = 0; i < CALLS; i++)
        if (luv_calls[i].number == number)
            return &luv_calls[i];
    return &none;
}

static void call_once(void)
{
    const uint64_t wrong[2] = {draw(), draw_below(2) * draw()};
    const struct luv_call *attacked = &luv_calls[draw_below(CALLS)];
    const uint64_t *right = attacked->callers & LUV_FROM_TOKEN ? get_token() : domain.secret;
    uint32_t number = draw_below(30) ? attacked->number : (uint32_t)draw_odd();
    uint64_t arguments[4];
    struct result result;

    for (unsigned i = 0; i < 4; i++)
        arguments[i] = draw_argument(&attacked->arguments[i]);
    if (number == LUV_HYPERCALL_domain_destroy && draw_below(20))
        return; /* rarely, or no domain would be left to attack */
    spoil_block();
    result = call(number, arguments[0], arguments[1], arguments[2], arguments[3], draw_below(10) ? right : wrong);
    if (!is_declared(find_call(number), result.status))
        say("a result that the call does not declare", number, arguments, result);
    if (number == LUV_HYPERCALL_domain_create && !result.status)
        call(LUV_HYPERCALL_domain_destroy, 0, 0, 0, 0, &arguments[2]); /* or domains and vCPUs would soon run out */
    made++;
}

/* --- The attacking processes, and the correct one --- */

static bool is_gone(void)
{
    return call_domain(&domain, LUV_HYPERCALL_domain_stat, 0, 0, 0).status == -ENOENT;
}

static void renew(void)
{
    struct result result;

    if (domain.shared_areas)
        while ((result = call_domain(&domain, LUV_HYPERCALL_domain_destroy, 0, 0, 0)).status == -EAGAIN)
            ;
    make_domain(&domain);
    begin(domain.processors, (enum mode)draw_below(LONG + 1));
    for (uint64_t at = CODE; at < CODE + 64; at++)
        domain.memory[at] = (uint8_t)draw();
}

static void attack(time_t end, uint64_t start)
{
    seed = start;
    if (setgid(100) || setuid(USER_ID))
        _exit(2);
    while (time(NULL) < end) {
        renew();
        for (int turn = 0; turn < 500 && !is_gone() && time(NULL) < end; turn++)
            call_once();
    }
    printf("fuzzcalls: %" PRIu64 " calls\n", made);
    fflush(stdout);
    _exit(0);
}

/* A guest that writes a sequence, checked after each pass. */
static void work(time_t end)
{
    uint64_t value = 1, passes = 0;
    struct processor *cpu = domain.processors;

    make_domain(&domain);
    begin(cpu, LONG);
    LOAD(&domain, fill);
    cpu->run->rax = value;
    cpu->run->rbx = 6364136223846793005ull;
    cpu->run->rdx = 1442695040888963407ull;
    for (; time(NULL) < end; passes++) {
        RUN(cpu, IO);
        for (uint64_t i = 0; i < 0x20000; i++) {
            value = value * cpu->run->rbx + cpu->run->rdx;
            EQUAL(((uint64_t *)(domain.memory + 0x100000))[i], value);
        }
        cpu->run->finish = LUV_FINISH_ADVANCE;
    }
    destroy(&domain);
    printf("fuzzcalls: %" PRIu64 " passes of the correct guest\n", passes);
    fflush(stdout);
    _exit(passes ? 0 : 3);
}

static bool has_ended_well(void)
{
    int status;

    return wait(&status) > 0 && status == 0;
}

int main(int count, char **arguments)
{
    time_t end = time(NULL) + (count > 1 ? atoi(arguments[1]) : 20);
    uint64_t start = count > 2 ? strtoull(arguments[2], NULL, 0) : (uint64_t)time(NULL) << 20 | (uint64_t)getpid();
    bool well = true;

    printf("fuzzcalls: seed %#" PRIx64 "\n", start);
    fflush(stdout);
    for (uint64_t i = 0; i < ATTACKERS; i++)
        if (!fork())
            attack(end, start * (2 * i + 1) | 1);
    if (!fork())
        work(end);
    for (int i = 0; i <= ATTACKERS; i++)
        well &= has_ended_well();
    puts(well ? "fuzzcalls: nothing was wrong" : "fuzzcalls: something was wrong");
    return !well;
}
