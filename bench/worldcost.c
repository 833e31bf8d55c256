/* The cost of a domU's exits with hypercalls alone, without libluvkvm: ticks per vcpu_run in a loop. */
#include <string.h>

#include "tests/userspace/testvmm/test.h"

#define ROUNDS_MEASURED 1000

static struct domain domain;
static struct processor *cpu = domain.processors;

static uint64_t read_ticks(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* The guest is an endless loop of an instruction that causes an exit; each round skips it. */
static void measure(const char *name, const uint8_t *code, size_t size, uint32_t kind, uint8_t finish)
{
    uint64_t least = UINT64_MAX;

    begin(cpu, LONG);
    memcpy(domain.memory + CODE, code, size);
    cpu->run->rdi = 48ul << 20;
    EQUAL(run(cpu), kind);
    for (int i = 0; i < ROUNDS_MEASURED; i++) {
        uint64_t before = read_ticks(), ticks;
        struct result result;

        cpu->run->finish = finish;
        result = enter(cpu);
        ticks = read_ticks() - before;
        if (result.value == kind && ticks < least)
            least = ticks;
        if (result.value != kind)
            i--;
    }
    printf("cost %s: %lu\n", name, least);
}

#define MEASURE(name, kind, finish, ...)                                        \
    do {                                                                        \
        static const uint8_t code[] = {__VA_ARGS__};                            \
        measure(name, code, sizeof code, LUV_EXIT_##kind, LUV_FINISH_##finish); \
    } while (0)

int main(void)
{
    make_domain(&domain);
    MEASURE("out", IO, ADVANCE, 0xE6, 0x80, 0xEB, 0xFC);
    MEASURE("cpuid", CPUID, ADVANCE, 0x0F, 0xA2, 0xEB, 0xFC);
    MEASURE("halt", HALT, ADVANCE, 0xF4, 0xEB, 0xFD);
    MEASURE("mmio", MEMORY, RESUME, 0x88, 0x07, 0xEB, 0xFC);
    return 0;
}
