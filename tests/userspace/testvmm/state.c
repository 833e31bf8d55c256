/* Cases: registers are switched correctly between dom0 and the guest, in both directions. */
#define _GNU_SOURCE
#include <cpuid.h>
#include <linux/perf_event.h>
#include <linux/hw_breakpoint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>

#include "test.h"

static struct domain domain;
static struct processor *cpu = domain.processors;

static void start(enum mode mode)
{
    if (!domain.handle)
        make_domain(&domain);
    begin(cpu, mode);
}

void case_registers(void)
{
    static const uint8_t added[16] = {1, 2, 3, 4, 5, 6, 8, 7, 9, 10, 11, 12, 13, 14, 15, 16}; /* kvm_regs has RSP before RBP */
    volatile uint64_t *registers;

    start(LONG);
    LOAD(&domain, registers);
    registers = &cpu->run->rax;
    for (uint64_t i = 0; i < 16; i++)
        registers[i] = 0xA5A5000000000000 + i * 0x0101010101;
    RUN(cpu, HALT);
    for (uint64_t i = 0; i < 16; i++)
        CHECK(registers[i] == 0xA5A5000000000000 + i * 0x0101010101 + added[i], "register %" PRIu64 " is %#" PRIx64, i,
              registers[i]);
    EQUAL(cpu->run->rflags & 1, 1);
    EQUAL(cpu->run->rflags & 2, 2);
}

/* VMCALL changes RAX and RDX of its caller and nothing else: general registers and vectors. */
void case_registers_of_dom0(void)
{
    uint64_t before[10], after[10], status, value = 0;
    uint8_t vectors[32][16]; /* those set, then those read back */

    start(LONG);
    LOAD(&domain, state);
    for (int i = 0; i < 16; i++)
        memset(vectors[i], 0x30 + i, 16);
    for (uint64_t i = 0; i < 10; i++)
        before[i] = 0x1122334455667700 + i;
    before[2] = domain.secret[0];
    before[3] = domain.secret[1];
    for (int turn = 0; turn < 200; turn++) {
        const uint64_t *place = before;

        status = (uint64_t)LUV_HYPERCALL_MAGIC << 32 | LUV_HYPERCALL_vcpu_run;
        cpu->run->rip = CODE;
        cpu->run->rflags = 2;
        __asm__ volatile(
            "push %%rbp\n\tmov %[before], %%rbx\n\tpush %[after]\n\tpush %[vectors]\n\t"
            "movdqu 0(%[vectors]), %%xmm0\n\tmovdqu 48(%[vectors]), %%xmm3\n\tmovdqu 240(%[vectors]), %%xmm15\n\t"
            "mov 16(%%rbx), %%r8\n\tmov 24(%%rbx), %%r9\n\tmov 32(%%rbx), %%r10\n\tmov 40(%%rbx), %%r11\n\t"
            "mov 48(%%rbx), %%r12\n\tmov 56(%%rbx), %%r13\n\tmov 64(%%rbx), %%r14\n\tmov 72(%%rbx), %%r15\n\t"
            "mov 0(%%rbx), %%rbp\n\tmov 8(%%rbx), %%rbx\n\t"
            "vmcall\n\t"
            "pop %%rcx\n\tmovdqu %%xmm0, 256(%%rcx)\n\tmovdqu %%xmm3, 304(%%rcx)\n\tmovdqu %%xmm15, 496(%%rcx)\n\t"
            "pop %%rcx\n\tmov %%rbp, 0(%%rcx)\n\tmov %%rbx, 8(%%rcx)\n\tmov %%r8, 16(%%rcx)\n\tmov %%r9, 24(%%rcx)\n\t"
            "mov %%r10, 32(%%rcx)\n\tmov %%r11, 40(%%rcx)\n\tmov %%r12, 48(%%rcx)\n\tmov %%r13, 56(%%rcx)\n\t"
            "mov %%r14, 64(%%rcx)\n\tmov %%r15, 72(%%rcx)\n\tpop %%rbp\n\t"
            : "+a"(status), "+d"(value), [before] "+c"(place)
            : "D"(cpu->handle), [after] "S"(after), [vectors] "r"(vectors)
            : "memory", "cc", "rbx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm3", "xmm15");
        EQUAL(status, 0);
        for (int i = 0; i < 10; i++)
            EQUAL(after[i], before[i]);
        for (int i = 0; i < 16; i += i ? 12 : 3)
            CHECK(!memcmp(vectors[i], vectors[16 + i], 16), "xmm%d has changed", i);
    }
}

static void set_debug_registers(void)
{
    struct kvm_debugregs debug;

    get_state(cpu, LUV_STATE_DEBUGREGS, &debug, sizeof debug);
    for (uint64_t i = 0; i < 4; i++)
        debug.db[i] = 0x5000 + i;
    debug.dr6 = 0xFFFF4FF0;
    debug.dr7 = 0x400;
    set_state(cpu, LUV_STATE_DEBUGREGS, &debug, sizeof debug);
}

static void set_cr2(uint64_t value)
{
    struct kvm_sregs sregs;

    get_state(cpu, LUV_STATE_SREGS, &sregs, sizeof sregs);
    sregs.cr2 = value;
    set_state(cpu, LUV_STATE_SREGS, &sregs, sizeof sregs);
}

static void set_xmm3(uint64_t value)
{
    uint8_t area[4096] = {0};

    get_state(cpu, LUV_STATE_XSAVE, area, (uint32_t)ask(LUV_INFO_XSAVE_SIZE));
    area[512] |= 2;
    area[0] = 0x7F;
    area[1] = 3;
    *(uint32_t *)(area + 24) = 0x1F80;
    memcpy(area + 160 + 3 * 16, &value, 8);
    set_state(cpu, LUV_STATE_XSAVE, area, (uint32_t)ask(LUV_INFO_XSAVE_SIZE));
}

/* CR2, debug registers, an XMM register, CR8: set for the guest, changed by it, and read back. */
void case_control_registers(void)
{
    struct kvm_debugregs debug;
    struct kvm_sregs sregs;
    uint8_t area[4096];

    start(LONG);
    LOAD(&domain, state);
    set_debug_registers();
    set_cr2(0x12345);
    set_xmm3(0x1122334455667788);
    cpu->run->tpr = 3;
    RUN(cpu, HALT);
    EQUAL(cpu->run->rax, 0x12345);
    EQUAL(cpu->run->rbx, 0x5000);
    EQUAL(cpu->run->rcx, 0x5001);
    EQUAL(cpu->run->rdx, 0x5002);
    EQUAL(cpu->run->rsi, 0x5003);
    EQUAL(cpu->run->rdi, 0xFFFF4FF0);
    EQUAL(cpu->run->r8, 0x400);
    EQUAL(cpu->run->r9, 0x1122334455667788);
    EQUAL(cpu->run->r10, 3);
    cpu->run->rax = 0x54321;
    cpu->run->rbx = 0x6000;
    cpu->run->rsi = 0x6003;
    cpu->run->r8 = 0x402;
    cpu->run->r9 = 0x8877665544332211;
    cpu->run->r10 = 4;
    STEP(cpu, HALT);
    EQUAL(cpu->run->tpr, 4);
    get_state(cpu, LUV_STATE_SREGS, &sregs, sizeof sregs);
    get_state(cpu, LUV_STATE_DEBUGREGS, &debug, sizeof debug);
    get_state(cpu, LUV_STATE_XSAVE, area, (uint32_t)ask(LUV_INFO_XSAVE_SIZE));
    EQUAL(sregs.cr2, 0x54321);
    EQUAL(debug.db[0], 0x6000);
    EQUAL(debug.db[3], 0x6003);
    EQUAL(debug.dr7, 0x402);
    EQUAL(*(uint64_t *)(area + 160 + 3 * 16), 0x8877665544332211);
}

/* 0 where dom0's kernel has not switched it on. */
__attribute__((target("xsave"))) static uint64_t read_xcr0(void)
{
    uint32_t eax, ebx, ecx, edx;

    __cpuid(1, eax, ebx, ecx, edx);
    return ecx & bit_OSXSAVE ? _xgetbv(0) : 0;
}

/* The guest has its own XCR0; dom0's is restored. */
void case_extended_state(void)
{
    uint64_t xcr0 = read_xcr0();

    start(LONG);
    LOAD(&domain, xgetbv);
    set_state(cpu, LUV_STATE_XCR0, (uint64_t[]){1}, 8);
    cpu->run->rcx = 0;
    RUN(cpu, HALT);
    EQUAL(cpu->run->rax, 1);
    EQUAL(read_xcr0(), xcr0);
    STATUS(try_set(cpu, LUV_STATE_XCR0, (uint64_t[]){0}, 8), -EINVAL);
    STATUS(try_set(cpu, LUV_STATE_XCR0, (uint64_t[]){5}, 8), -EINVAL);
    STATUS(try_set(cpu, LUV_STATE_XCR0, (uint64_t[]){1ull << 62 | 1}, 8), -EINVAL);
}

static volatile uint64_t watched;

static int watch(void)
{
    struct perf_event_attr attributes = {
        .type = PERF_TYPE_BREAKPOINT,
        .size = sizeof attributes,
        .bp_type = HW_BREAKPOINT_W,
        .bp_addr = (uintptr_t)&watched,
        .bp_len = HW_BREAKPOINT_LEN_8,
        .exclude_kernel = 1,
        .exclude_hv = 1,
    };

    return (int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0);
}

/* A watchpoint of dom0 still works after a guest has used the debug registers. */
void case_debug_registers_of_dom0(void)
{
    int counter = watch();
    uint64_t count = 0;

    CHECK(counter >= 0, "no watchpoint: %s", strerror(errno));
    start(LONG);
    LOAD(&domain, state);
    watched = 1;
    set_debug_registers();
    RUN(cpu, HALT);
    cpu->run->rbx = (uintptr_t)&watched;
    cpu->run->r8 = 0x400;
    STEP(cpu, HALT);
    watched = 2;
    CHECK(read(counter, &count, sizeof count) == sizeof count, "the watchpoint cannot be read");
    EQUAL(count, 2);
}

static uint64_t read_guest_tsc(void)
{
    begin(cpu, LONG);
    RUN(cpu, HALT);
    return cpu->run->rdx << 32 | (uint32_t)cpu->run->rax;
}

void case_tsc(void)
{
    uint64_t first, second, set = 1ull << 50;

    make_domain(&domain);
    LOAD(&domain, tsc);
    first = read_guest_tsc();
    second = read_guest_tsc();
    CHECK(first < second && second < __rdtsc(), "TSC %#" PRIx64 " then %#" PRIx64, first, second);
    set_msr(cpu, 0x10, set);
    first = read_guest_tsc();
    CHECK(first > set && first - set < 100000000, "TSC %#" PRIx64 " after it was set", first);
    CHECK(get_msr(cpu, 0x10) > first, "the TSC reads less than the guest has read");
    set_msr(cpu, 0xC0000103, 0x77);
    STEP(cpu, HALT);
    EQUAL(cpu->run->rcx, 0x77);
    CHECK(__rdtsc() < set, "dom0's TSC has moved");
}
