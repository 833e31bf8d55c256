/* Cases: guests that loop in event delivery or triple fault, and VMMs that set states for which VM entry fails. */
#include <string.h>

#include "tests/userspace/root.h"
#include "test.h"

static struct domain domain;
static struct processor *cpu = domain.processors;

static void start(enum mode mode)
{
    if (!domain.handle)
        make_domain(&domain);
    begin(cpu, mode);
}

/* The guest makes no progress, but vcpu_run returns to the VMM. */
static void expect_no_progress(void)
{
    for (int turn = 0; turn < 20; turn++) {
        struct result result = enter(cpu);

        STATUS(result, 0);
        if (result.value != LUV_EXIT_INTERRUPTED)
            return; /* this processor ends the loop by itself */
    }
}

/* Delivery of #AC on a misaligned stack at CPL 3 causes #AC. */
void case_alignment_loop(void)
{
    make_domain(&domain);
    begin_user(cpu);
    LOAD(&domain, alignment_loop);
    cpu->run->rsp = STACK - 3;
    cpu->run->rflags = 2 | 1 << 18;
    expect_no_progress();
}

/* Delivery of #DB writes to a watchpoint. */
void case_debug_loop(void)
{
    struct kvm_debugregs debug;

    start(LONG);
    LOAD(&domain, debug_loop);
    domain.memory[IDT + 16 + 4] = 1; /* the first IST entry */
    get_state(cpu, LUV_STATE_DEBUGREGS, &debug, sizeof debug);
    debug.db[0] = FAULT_STACK - 8;
    debug.dr7 = 0x402 | 9 << 16; /* 8 bytes, writes; global */
    set_state(cpu, LUV_STATE_DEBUGREGS, &debug, sizeof debug);
    cpu->run->rbx = FAULT_STACK - 8;
    expect_no_progress();
}

static void set_no_gates(void)
{
    struct kvm_sregs sregs;

    get_state(cpu, LUV_STATE_SREGS, &sregs, sizeof sregs);
    sregs.idt.limit = 0;
    set_state(cpu, LUV_STATE_SREGS, &sregs, sizeof sregs);
}

void case_triple_fault(void)
{
    start(LONG);
    LOAD(&domain, invalid);
    set_no_gates();
    RUN(cpu, TRIPLE_FAULT);
    begin(cpu, LONG); /* and the vCPU can be used again */
    RUN(cpu, IO);
    EQUAL(find_vector(cpu), 6);
}

static void expect_fault(uint64_t value)
{
    begin(cpu, LONG);
    cpu->run->rax = value;
    RUN(cpu, IO);
    CHECK(find_vector(cpu) == 13, "%#" PRIx64 " is accepted", value);
    EQUAL(*(uint64_t *)(domain.memory + cpu->run->rsp + 8), CODE);
}

static void expect_taken(uint64_t value)
{
    begin(cpu, LONG);
    cpu->run->rax = value;
    RUN(cpu, HALT);
}

void case_absurd_controls(void)
{
    static const uint64_t cr0[] = {0, 1u << 31, 0x60000010, 0xA0000031, 1ull << 32 | 0x80000031, ~0ull};
    static const uint64_t cr4[] = {0, 0x40000020, 0x20 | 1 << 13, 1ull << 32 | 0x20, 0x20 | 1 << 15, ~0ull};
    struct kvm_sregs sregs;

    start(LONG);
    LOAD(&domain, write_cr0);
    for (unsigned i = 0; i < sizeof cr0 / sizeof *cr0; i++)
        expect_fault(cr0[i]);
    expect_taken(0x80000031);
    expect_taken(0xE0000011);
    get_state(cpu, LUV_STATE_SREGS, &sregs, sizeof sregs);
    EQUAL(sregs.cr0 & 0xE0000031, 0xE0000011);
    LOAD(&domain, write_cr4);
    for (unsigned i = 0; i < sizeof cr4 / sizeof *cr4; i++)
        expect_fault(cr4[i]);
    expect_taken(0x6A0);
    get_state(cpu, LUV_STATE_SREGS, &sregs, sizeof sregs);
    EQUAL(sregs.cr4, 0x6A0);
    LOAD(&domain, write_cr3);
    expect_fault(1ull << 62);
    expect_taken(TABLE4);
    LOAD(&domain, write_cr8);
    expect_fault(16);
    expect_taken(0);
    begin(cpu, LONG);
    LOAD(&domain, task_bits);
    get_state(cpu, LUV_STATE_SREGS, &sregs, sizeof sregs);
    sregs.cr0 |= 8;
    set_state(cpu, LUV_STATE_SREGS, &sregs, sizeof sregs);
    RUN(cpu, HALT);
    EQUAL(cpu->run->rbx, (sregs.cr0 & ~8ull));
    EQUAL(cpu->run->rcx & 0xFFFF, (sregs.cr0 & ~8ull) & 0xFFFF);
}

void case_nowhere(void)
{
    start(LONG);
    LOAD(&domain, nowhere);
    cpu->run->rax = 0x30000000;
    RUN(cpu, NESTED_PAGE_FAULT);
    EQUAL(cpu->run->memory.physical, 0x30000000);
    EQUAL(cpu->run->memory.flags, LUV_MEMORY_FETCH | LUV_MEMORY_LINEAR);
    begin(cpu, LONG); /* page tables in unmapped memory */
    cpu->run->rax = 0x700000000;
    LOAD(&domain, write_cr3);
    RUN(cpu, NESTED_PAGE_FAULT);
    EQUAL(cpu->run->memory.flags & LUV_MEMORY_LINEAR, 0);
}

/* Return the log's text after `offset`. */
static uint64_t read_log(uint64_t offset, char *text, unsigned size)
{
    memset(text, 0, size);
    for (unsigned at = 0; at + 8 < size; at += 8) {
        uint64_t bytes;

        if (call_as_root(LUV_HYPERCALL_log_read, offset + at, 0, &bytes) || !bytes)
            break;
        memcpy(text + at, &bytes, 8);
    }
    return offset + strlen(text);
}

static void expect_refusal(const char *what)
{
    static char text[65536];

    uint64_t begin = call(LUV_HYPERCALL_info, LUV_INFO_LOG_BEGIN, 0, 0, 0, NULL).value;
    uint64_t end = read_log(begin, text, sizeof text);
    uint32_t kind = run(cpu);

    CHECK(kind == LUV_EXIT_ENTRY_FAILURE, "%s: exit %u", what, kind);
    read_log(end, text, sizeof text);
    CHECK(strlen(text) > 8, "%s: nothing in the log", what);
}

/* A new domain for each state, since only the first failed entries of a domain are logged. */
static void renew(void)
{
    if (domain.handle)
        destroy(&domain);
    make_domain(&domain);
    begin(cpu, LONG);
    LOAD(&domain, spin);
}

static void expect_state_refused(const char *what, const struct kvm_sregs *sregs)
{
    if (!try_set(cpu, LUV_STATE_SREGS, sregs, sizeof *sregs).status)
        expect_refusal(what);
}

void case_refused_entry(void)
{
    struct kvm_sregs sregs;

    renew();
    cpu->run->rflags = 2 | 1 << 17;
    expect_refusal("virtual-8086 mode in long mode");
    renew();
    cpu->run->event = 0x80000100 | 0x30; /* a reserved type */
    expect_refusal("an event of type 1");
    renew();
    get_state(cpu, LUV_STATE_SREGS, &sregs, sizeof sregs);
    sregs.cs.present = 0;
    expect_state_refused("a code segment that is not present", &sregs);
    renew();
    get_state(cpu, LUV_STATE_SREGS, &sregs, sizeof sregs);
    sregs.cr0 = 1u << 31;
    expect_state_refused("paging without protection", &sregs);
    renew();
    cpu->run->rip = 1ull << 62; /* on some processors VM entry fails, others fetch from there */
    CHECK(run(cpu) == LUV_EXIT_ENTRY_FAILURE || find_vector(cpu) == 13, "a RIP that is not canonical");
    begin(cpu, LONG);
    EQUAL(enter(cpu).value, LUV_EXIT_INTERRUPTED); /* and the vCPU can be used again */
}

void case_refused_state(void)
{
    struct kvm_sregs sregs, good;

    start(LONG);
    get_state(cpu, LUV_STATE_SREGS, &good, sizeof good);
    sregs = good;
    sregs.efer = ~0ull;
    STATUS(try_set(cpu, LUV_STATE_SREGS, &sregs, sizeof sregs), -EINVAL);
    sregs = good;
    sregs.cr4 = ~0ull;
    STATUS(try_set(cpu, LUV_STATE_SREGS, &sregs, sizeof sregs), -EINVAL);
    get_state(cpu, LUV_STATE_SREGS, &sregs, sizeof sregs);
    EQUAL(sregs.efer, good.efer);
    EQUAL(sregs.cr4, good.cr4);
    EQUAL(sregs.cr0, good.cr0);
    STATUS(try_set(cpu, LUV_STATE_SREGS, &good, sizeof good - 8), -EINVAL);
    STATUS(try_set(cpu, 99, &good, sizeof good), -EINVAL);
    STATUS(try_set(cpu, LUV_STATE_MSRS, &(struct kvm_msr_entry){.index = 0x1A0}, 16), 0);
    EQUAL(try_set(cpu, LUV_STATE_MSRS, &(struct kvm_msr_entry){.index = 0x1A0}, 16).value, 0);
    EQUAL(try_set(cpu, LUV_STATE_MSRS, &(struct kvm_msr_entry){.index = 0xC0000082, .data = 1ull << 62}, 16).value, 0);
    EQUAL(try_set(cpu, LUV_STATE_MSRS, &(struct kvm_msr_entry){.index = 0x277, .data = ~0ull}, 16).value, 0);
}
