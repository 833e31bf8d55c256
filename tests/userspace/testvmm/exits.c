/* Cases: each exit of a domU that is reflected to the VMM, its data in the run page, and the guest's state afterwards. */
#include <cpuid.h>
#include <string.h>

#include "test.h"

static struct domain domain;
static struct processor *cpu = domain.processors;

static void start(enum mode mode)
{
    if (!domain.handle)
        make_domain(&domain);
    begin(cpu, mode);
}

void case_info(void)
{
    uint64_t frames = ask(LUV_INFO_POOL_SUPERPAGES);

    CHECK(ask(LUV_INFO_POOLS) >= 1, "there is no pool");
    EQUAL(ask(LUV_INFO_POOL_BASE) % SUPERPAGE, 0);
    EQUAL(ask(LUV_INFO_POOL_SIZE), frames * SUPERPAGE);
    CHECK(frames >= 8 && ask(LUV_INFO_POOL_FREE) <= frames, "the pool has %" PRIu64 " superpages", frames);
    CHECK(ask(LUV_INFO_DOMAINS) >= 2 && ask(LUV_INFO_DOMAIN_VCPUS) >= 2, "too few domains or vCPUs");
    CHECK(ask(LUV_INFO_XCR0) & 1 && ask(LUV_INFO_XSAVE_SIZE) >= 576, "no XSAVE");
    ask(LUV_INFO_TSC_KHZ);
    STATUS(call(LUV_HYPERCALL_info, 17 + 4 * 1000, 0, 0, 0, get_token()), -EINVAL);
}

/* As after RESET; nothing is mapped there. */
void case_reset_state(void)
{
    struct kvm_sregs sregs;

    make_domain(&domain);
    get_state(cpu, LUV_STATE_SREGS, &sregs, sizeof sregs);
    EQUAL(sregs.cs.selector, 0xF000);
    EQUAL(sregs.cs.base, 0xFFFF0000);
    EQUAL(sregs.cr0, 0x60000010);
    EQUAL(cpu->run->rip, 0xFFF0);
    EQUAL(cpu->run->rflags, 2);
    EQUAL(get_msr(cpu, 0x277), 0x0007040600070406);
    RUN(cpu, NESTED_PAGE_FAULT);
    EQUAL(cpu->run->memory.physical, 0xFFFFFFF0);
    EQUAL(cpu->run->memory.flags & LUV_MEMORY_MAPPED, 0);
    CHECK(cpu->run->memory.flags & LUV_MEMORY_FETCH, "no fetch: %#x", cpu->run->memory.flags);
    EQUAL(cpu->run->mode.cs_base, 0xFFFF0000);
    destroy(&domain);
}

static void expect_io(uint16_t port, uint8_t size, uint8_t flags)
{
    EQUAL(cpu->run->io.port, port);
    EQUAL(cpu->run->io.access, (size - 1) | flags);
}

void case_out(void)
{
    start(REAL);
    LOAD(&domain, out);
    RUN(cpu, IO);
    expect_io(0x80, 1, 0);
    EQUAL(cpu->run->rax & 0xFF, 0x5A);
    EQUAL(cpu->run->rip, CODE + 5);
    EQUAL(cpu->run->length, 1);
    STEP(cpu, IO);
    expect_io(0x70, 4, 0);
    EQUAL(cpu->run->rax, 0x12345678);
    STEP(cpu, HALT);
}

void case_in(void)
{
    static const uint64_t answers[] = {0x11, 0x2222, 0x33333333};

    start(REAL);
    LOAD(&domain, in);
    for (int i = 0; i < 3; i++) {
        if (i)
            STEP(cpu, IO);
        else
            RUN(cpu, IO);
        expect_io(0x3F8, (uint8_t)(1 << i), LUV_IO_IN);
        cpu->run->rax = answers[i];
        STEP(cpu, IO);
        expect_io(0x80, 4, 0);
        EQUAL(cpu->run->rax, answers[i]);
    }
}

void case_string_io(void)
{
    start(LONG);
    LOAD(&domain, string_io);
    cpu->run->rsi = DATA;
    cpu->run->rcx = 5;
    cpu->run->rdx = 0x60;
    cpu->run->rflags |= 0x400;
    RUN(cpu, IO);
    expect_io(0x60, 1, LUV_IO_STRING | LUV_IO_REP);
    EQUAL(cpu->run->io.address_size, 8);
    EQUAL(cpu->run->rsi, DATA);
    EQUAL(cpu->run->mode.cr3, TABLE4);
    cpu->run->rcx = 0;
    STEP(cpu, IO);
    expect_io(0x60, 4, LUV_IO_STRING | LUV_IO_IN);
    EQUAL(cpu->run->io.address_size, 4);
}

static void move_past(void)
{
    CHECK(cpu->run->length == 0 || cpu->run->length == 3, "length %u", cpu->run->length);
    cpu->run->rip += 3;
    cpu->run->finish = LUV_FINISH_MOVED;
}

void case_mmio(void)
{
    start(LONG);
    LOAD(&domain, mmio);
    cpu->run->rbx = 0x20000000;
    cpu->run->rax = 0xABCD;
    RUN(cpu, NESTED_PAGE_FAULT);
    EQUAL(cpu->run->memory.physical, 0x20000008);
    EQUAL(cpu->run->memory.linear, 0x20000008);
    EQUAL(cpu->run->memory.flags, LUV_MEMORY_WRITE | LUV_MEMORY_LINEAR);
    EQUAL(cpu->run->mode.efer & 0x500, 0x500);
    EQUAL(cpu->run->mode.cs_rights & 0x2000, 0x2000);
    move_past();
    RUN(cpu, NESTED_PAGE_FAULT);
    EQUAL(cpu->run->memory.physical, 0x20000010);
    EQUAL(cpu->run->memory.flags, LUV_MEMORY_READ | LUV_MEMORY_LINEAR);
    cpu->run->rcx = 99;
    move_past();
    RUN(cpu, HALT);
    EQUAL(cpu->run->rcx, 99);
}

/* ROM is read without an exit; the exit of a write reports that the page is mapped. */
void case_read_only(void)
{
    uint64_t superpage;
    uint8_t *rom;

    start(LONG);
    LOAD(&domain, mmio);
    superpage = claim_superpage(&domain);
    rom = map_superpage(superpage);
    *(uint32_t *)(rom + 0x10) = 0x600DF00D;
    map_memory(&domain, 0x20000000, rom, SUPERPAGE, 5);
    cpu->run->rbx = 0x20000000;
    RUN(cpu, NESTED_PAGE_FAULT);
    CHECK(cpu->run->memory.flags & LUV_MEMORY_WRITE && cpu->run->memory.flags & LUV_MEMORY_MAPPED, "flags %#x",
          cpu->run->memory.flags);
    move_past();
    RUN(cpu, HALT);
    EQUAL(cpu->run->rcx, 0x600DF00D);
    EQUAL(*(uint32_t *)(rom + 8), 0);
}

static uint64_t count_violations(void)
{
    struct result result = call_domain(&domain, LUV_HYPERCALL_domain_stat, 32 + 48, 0, 0);

    STATUS(result, 0);
    return result.value;
}

/* memory_map fills EPT at once: the first access to each of 512 pages causes no exit. */
void case_first_touch(void)
{
    uint64_t before;
    uint8_t *view;

    start(LONG);
    LOAD(&domain, touch);
    view = map_superpage(claim_superpage(&domain));
    map_memory(&domain, 0x20000000, view, SUPERPAGE, 7);
    before = count_violations();
    cpu->run->rbx = 0x20000000;
    cpu->run->rcx = 0x20000000 + SUPERPAGE;
    RUN(cpu, HALT);
    printf(" %" PRIu64 " exits for %lu pages,", count_violations() - before, SUPERPAGE / PAGE);
    EQUAL(count_violations(), before);
    EQUAL(*(uint64_t *)(view + SUPERPAGE - PAGE), 1);
}

void case_cpuid(void)
{
    start(LONG);
    LOAD(&domain, cpuid);
    cpu->run->rax = 7;
    cpu->run->rcx = 1;
    RUN(cpu, CPUID);
    EQUAL(cpu->run->rax, 7);
    EQUAL(cpu->run->rcx, 1);
    EQUAL(cpu->run->length, 2);
    cpu->run->rdx = 0x1234;
    STEP(cpu, HALT);
    EQUAL(cpu->run->rdx, 0x1234);
}

void case_halt(void)
{
    start(LONG);
    LOAD(&domain, halt);
    RUN(cpu, HALT);
    EQUAL(cpu->run->rip, CODE);
    STEP(cpu, IO);
    EQUAL(cpu->run->rip, CODE + 1);
}

/* MSRs that the hypervisor does not handle are reflected, and the VMM injects #GP. */
void case_msr_exits(void)
{
    start(LONG);
    LOAD(&domain, msrs);
    cpu->run->rcx = 0x1A0;
    RUN(cpu, MSR_READ);
    EQUAL(cpu->run->rcx, 0x1A0);
    cpu->run->rax = 41;
    cpu->run->rdx = 1;
    STEP(cpu, MSR_WRITE);
    EQUAL(cpu->run->rax, 42);
    EQUAL(cpu->run->rdx, 1);
    STEP(cpu, HALT);
    begin(cpu, LONG);
    cpu->run->rcx = 0xDEADBEEF;
    RUN(cpu, MSR_READ);
    cpu->run->event = FAULT(13);
    cpu->run->event_error = 0;
    RUN(cpu, IO);
    EQUAL(find_vector(cpu), 13);
    EQUAL(*(uint64_t *)(domain.memory + cpu->run->rsp), 0);
    EQUAL(*(uint64_t *)(domain.memory + cpu->run->rsp + 8), CODE);
}

void case_machine_msrs(void)
{
    static const uint32_t msrs[] = {0x174,      0x175,      0x176,      0xC0000081, 0xC0000082,
                                    0xC0000083, 0xC0000084, 0xC0000100, 0xC0000101, 0xC0000102};

    start(LONG);
    LOAD(&domain, msrs);
    for (unsigned i = 0; i < sizeof msrs / sizeof *msrs; i++) {
        begin(cpu, LONG);
        set_msr(cpu, msrs[i], 0x1000 * (i + 1));
        cpu->run->rcx = msrs[i];
        RUN(cpu, HALT);
        EQUAL(get_msr(cpu, msrs[i]), 0x1000 * (i + 1) + 1);
    }
    for (unsigned i = 0; i < 7; i++)
        EQUAL(get_msr(cpu, msrs[i]), 0x1000 * (i + 1) + 1);
}

void case_xsetbv(void)
{
    start(LONG);
    LOAD(&domain, xsetbv);
    cpu->run->rcx = 0;
    cpu->run->rax = 3;
    cpu->run->rdx = 0;
    RUN(cpu, XSETBV);
    EQUAL(cpu->run->rax, 3);
    set_state(cpu, LUV_STATE_XCR0, (uint64_t[]){3}, 8);
    STEP(cpu, HALT);
    begin(cpu, LONG);
    LOAD(&domain, xgetbv);
    cpu->run->rcx = 0;
    RUN(cpu, HALT);
    EQUAL(cpu->run->rax, 3);
}

void case_hypercall(void)
{
    start(LONG);
    LOAD(&domain, vmcall);
    cpu->run->rax = 5;
    cpu->run->rbx = 6;
    RUN(cpu, HYPERCALL);
    EQUAL(cpu->run->rax, 5);
    EQUAL(cpu->run->rbx, 6);
    EQUAL(cpu->run->mode.ss_rights >> 5 & 3, 0);
    cpu->run->rax = 7;
    STEP(cpu, HALT);
    EQUAL(cpu->run->rax, 7);
}

void case_exceptions(void)
{
    uint64_t controls[3] = {1 << 3 | 1 << 6, 0, 0x3707FF};

    start(LONG);
    LOAD(&domain, breakpoint);
    set_state(cpu, LUV_STATE_CONTROLS, controls, sizeof controls);
    RUN(cpu, EXCEPTION);
    EQUAL(cpu->run->exception.info & 0xFF, 3);
    EQUAL(cpu->run->rip, CODE);
    LOAD(&domain, invalid);
    RUN(cpu, EXCEPTION);
    EQUAL(cpu->run->exception.info & 0x7FF, 0x306);
    begin(cpu, LONG);
    RUN(cpu, IO);
    EQUAL(find_vector(cpu), 6);
}

/* #UD if the CPUID table hides the instruction, or the processor does not have it. */
static void check_hidden(uint32_t flag, bool exists)
{
    for (uint32_t hidden = 0; hidden <= LUV_HIDE_ALL; hidden++) {
        uint64_t controls[3] = {(uint64_t)hidden << 32, 0, 0x3707FF}, found[3];

        begin(cpu, LONG);
        set_state(cpu, LUV_STATE_CONTROLS, controls, sizeof controls);
        get_state(cpu, LUV_STATE_CONTROLS, found, sizeof found);
        EQUAL(found[0] >> 32, hidden);
        memset(domain.memory + DATA, 0, PAGE);
        cpu->run->rbx = DATA;
        cpu->run->rax = cpu->run->rdx = 0;
        expect_exit(__FILE__, __LINE__, cpu, run(cpu), exists && !(hidden & flag) ? LUV_EXIT_HALT : LUV_EXIT_IO);
        EQUAL(find_vector(cpu), exists && !(hidden & flag) ? -1 : 6);
    }
}

/* Then accesses to the MSRs of speculation control cause exits. */
static void check_speculation(void)
{
    uint64_t controls[3] = {(uint64_t)LUV_HIDE_SPECULATION << 32, 0, 0x3707FF};

    for (uint32_t msr = 0x48; msr <= 0x49; msr++) {
        begin(cpu, LONG);
        set_state(cpu, LUV_STATE_CONTROLS, controls, sizeof controls);
        cpu->run->rcx = msr;
        RUN(cpu, MSR_READ);
        STEP(cpu, MSR_WRITE);
        EQUAL(cpu->run->rcx, msr);
    }
}

void case_hidden_features(void)
{
    uint64_t controls[3] = {(uint64_t)(LUV_HIDE_ALL + 1) << 32, 0, 0x3707FF};
    uint32_t feature[4], extended[4], xsave[4];

    __cpuid_count(7, 0, feature[0], feature[1], feature[2], feature[3]);
    __cpuid(0x80000001, extended[0], extended[1], extended[2], extended[3]);
    __cpuid_count(0xD, 1, xsave[0], xsave[1], xsave[2], xsave[3]);
    start(LONG);
    LOAD(&domain, invpcid);
    check_hidden(LUV_HIDE_INVPCID, feature[1] >> 10 & 1);
    LOAD(&domain, rdtscp);
    check_hidden(LUV_HIDE_RDTSCP, extended[3] >> 27 & 1);
    LOAD(&domain, xsaves);
    check_hidden(LUV_HIDE_XSAVES, xsave[0] >> 3 & 1);
    LOAD(&domain, msrs);
    check_speculation();
    STATUS(try_set(cpu, LUV_STATE_CONTROLS, controls, sizeof controls), -EINVAL);
}

void case_task_switch(void)
{
    start(PROTECTED);
    LOAD(&domain, task_switch);
    RUN(cpu, TASK_SWITCH);
    EQUAL(cpu->run->task_switch.qualification & 0xFFFF, SELECT_TSS_OTHER);
    EQUAL(cpu->run->task_switch.qualification >> 30 & 3, 2);
}

void case_modes(void)
{
    for (enum mode mode = REAL; mode <= LONG; mode++) {
        uint64_t value = mode == LONG ? 0x123456789ABCDEF0 : 0xCAFE0000u + mode;

        start(mode);
        if (mode == REAL)
            LOAD(&domain, memory16);
        else if (mode == LONG)
            LOAD(&domain, memory64);
        else
            LOAD(&domain, memory32);
        cpu->run->rax = value;
        cpu->run->rbx = 0;
        RUN(cpu, HALT);
        EQUAL(cpu->run->rbx, value);
        EQUAL(*(uint64_t *)(domain.memory + DATA), value);
        *(uint64_t *)(domain.memory + DATA) = 0;
    }
}
