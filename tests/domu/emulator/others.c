/* Jumps whose target or stack is on a device, and selectors loaded from one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests.h"

#define CODE (ram + 0x800)
#define TABLE (ram + 0x1000)
#define DONE(size) ((uint64_t)CODE + (size))

enum {
    SELECT_CODE = 0x08,
    SELECT_DATA = 0x10,
    SELECT_TASK = 0x18,
    SELECT_ABSENT = 0x28,
    SELECT_USER = 0x30,
    SELECT_BEYOND = 0x40
};

#define CHECK(condition)                                                   \
    do {                                                                   \
        if (!(condition)) {                                                \
            printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                       \
        }                                                                  \
    } while (0)

static struct kvm_regs registers;
static struct kvm_sregs sregs;
static struct emulation emulation;
static unsigned sets;

static bool get_sregs(void *owner, struct kvm_sregs *given)
{
    (void)owner;
    *given = sregs;
    return true;
}

static bool set_sregs(void *owner, struct kvm_sregs *given)
{
    (void)owner;
    sregs = *given;
    sets++;
    return true;
}

static enum emulated run(const char *code, size_t size)
{
    static const struct owner_state owner_state = {.get_sregs = get_sregs, .set_sregs = set_sregs};

    memcpy(CODE, code, size);
    registers.rip = (uint64_t)CODE;
    registers.rdi = (uint64_t)device;
    begin_emulation(&emulation, NULL, &registers, &mode);
    emulation.owner_state = &owner_state;
    return run_with_memory(&emulation);
}

#define RUN(code) run(code, sizeof code - 1)

static bool is_fault(enum emulated outcome, uint8_t vector, uint32_t code)
{
    return outcome == EMULATED_FAULT && emulation.fault.vector == vector && emulation.fault.has_code &&
        emulation.fault.code == code;
}

static void put(uint64_t value)
{
    memcpy(device, &value, sizeof value);
}

/* --- Jumps --- */

void test_jumps(void)
{
    uint64_t behind;

    put(0x123456789A);
    registers.rsp = (uint64_t)device + 0x800;
    CHECK(RUN("\xFF\x27") == EMULATED_DONE && registers.rip == 0x123456789A);                  /* jmp *(%rdi) */
    CHECK(RUN("\xFF\x17") == EMULATED_DONE && registers.rip == 0x123456789A);                  /* call *(%rdi) */
    memcpy(&behind, device + 0x7F8, sizeof behind);
    CHECK(registers.rsp == (uint64_t)device + 0x7F8 && behind == DONE(2));
    CHECK(RUN("\xC2\x10\x00") == EMULATED_DONE && registers.rip == DONE(2));                   /* ret $16 */
    CHECK(registers.rsp == (uint64_t)device + 0x810);
    CHECK(RUN("\xE8\x10\x00\x00\x00") == EMULATED_DONE && registers.rip == DONE(0x15));        /* call .+0x15 */
    registers.rbp = (uint64_t)device + 0x900;
    memcpy(device + 0x900, "\1\2\3\4\5\6\7\10", 8);
    CHECK(RUN("\xC9") == EMULATED_DONE && registers.rbp == 0x0807060504030201);                /* leave */
    CHECK(registers.rsp == (uint64_t)device + 0x908);
    put(1ull << 47);
    CHECK(is_fault(RUN("\xFF\x27"), 13, 0) && is_fault(RUN("\xFF\x17"), 13, 0));
    CHECK(registers.rsp == (uint64_t)device + 0x908 && registers.rip == (uint64_t)CODE);
    CHECK(RUN("\xC8\x10\x00\x01") == EMULATED_UNKNOWN);                                        /* enter $16, $1 */
}

/* --- Segments --- */

static void set_table(void)
{
    static const uint64_t descriptors[] = {
        0, 0x00AF9A000000FFFF, 0x00CF92000000FFFF, 0x1200893456780067, 0x99, 0x00CF12000000FFFF, 0x00CFF2000000FFFF,
    };

    memcpy(TABLE, descriptors, sizeof descriptors);
    memset(&sregs, 0, sizeof sregs);
    sregs.gdt.base = (uint64_t)TABLE;
    sregs.gdt.limit = sizeof descriptors - 1;
    sets = 0;
}

static bool has_bit(uint16_t selector, uint8_t bit)
{
    return TABLE[selector + 5] & bit;
}

static void test_data(void)
{
    put(SELECT_DATA);
    CHECK(RUN("\x8E\x1F") == EMULATED_DONE && registers.rip == DONE(2));                       /* mov (%rdi), %ds */
    CHECK(sregs.ds.selector == SELECT_DATA && sregs.ds.limit == ~0u && sregs.ds.type == 3 && sregs.ds.present &&
          has_bit(SELECT_DATA, 1));
    CHECK(RUN("\x8E\x17") == EMULATED_DONE && sregs.ss.selector == SELECT_DATA && sets == 2);  /* mov (%rdi), %ss */
    memset(device, 0xEE, 8);
    CHECK(RUN("\x8C\x1F") == EMULATED_DONE && !memcmp(device, "\x10\0\xEE", 3));               /* mov %ds, (%rdi) */
    put(0);
    CHECK(RUN("\x8E\x17") == EMULATED_DONE && !sregs.ss.selector && sregs.ss.unusable);
    CHECK(RUN("\x8E\x1F") == EMULATED_DONE && !sregs.ds.selector && sregs.ds.unusable);
}

static void test_refused(void)
{
    static const struct {
        uint64_t selector;
        uint8_t vector;
        uint32_t code;
    } stacks[] = {
        {3, 13, 0},
        {SELECT_DATA | 3, 13, SELECT_DATA},
        {SELECT_CODE, 13, SELECT_CODE},
        {SELECT_ABSENT, 12, SELECT_ABSENT},
        {SELECT_USER, 13, SELECT_USER},
        {SELECT_BEYOND, 13, SELECT_BEYOND},
        {SELECT_DATA | 4, 13, SELECT_DATA | 4},
    };

    sets = 0;
    sregs.ldt.unusable = 1;
    for (unsigned i = 0; i < sizeof stacks / sizeof *stacks; i++) {
        put(stacks[i].selector);
        CHECK(is_fault(RUN("\x8E\x17"), stacks[i].vector, stacks[i].code));
    }
    put(SELECT_ABSENT);
    CHECK(is_fault(RUN("\x8E\x1F"), 11, SELECT_ABSENT));
    put(SELECT_TASK);
    CHECK(is_fault(RUN("\x8E\x1F"), 13, SELECT_TASK));
    CHECK(!sets);
}

static void test_system(void)
{
    static const uint8_t far[] = {0x78, 0x56, 0x34, 0x12, 0, 0, 0, 0, SELECT_CODE, 0};

    put(SELECT_TASK);
    CHECK(RUN("\x0F\x00\x1F") == EMULATED_DONE && sregs.tr.base == 0x9912345678 && sregs.tr.type == 11); /* ltr (%rdi) */
    CHECK(sregs.tr.limit == 0x67 && sregs.tr.selector == SELECT_TASK && has_bit(SELECT_TASK, 2));
    CHECK(is_fault(RUN("\x0F\x00\x1F"), 13, SELECT_TASK)); /* busy */
    memcpy(device, far, sizeof far);
    CHECK(RUN("\x48\xFF\x2F") == EMULATED_DONE && registers.rip == 0x12345678 && sregs.cs.selector == SELECT_CODE &&
          sregs.cs.l); /* ljmp *(%rdi) */
    CHECK(has_bit(SELECT_CODE, 1));
    device[8] = SELECT_DATA;
    CHECK(is_fault(RUN("\x48\xFF\x2F"), 13, SELECT_DATA));
    CHECK(RUN("\x0F\x01\x27") == EMULATED_DONE && device[0] == 1 && !device[1]); /* smsw (%rdi) */
}

void test_segments(void)
{
    set_table();
    test_data();
    test_refused();
    test_system();
}
