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

/* --- Tables --- */

static void test_stored(void)
{
    static const uint8_t wide[] = {0x34, 0x12, 8, 7, 6, 5, 4, 3, 2, 1, 0xEE};

    sregs.gdt.base = sregs.idt.base = 0x0102030405060708;
    sregs.gdt.limit = 0x1234;
    sregs.idt.limit = 0x5678;
    sregs.ldt.selector = 0x20;
    sregs.tr.selector = 0x18;
    memset(device, 0xEE, 16);
    CHECK(RUN("\x0F\x01\x07") == EMULATED_DONE && !memcmp(device, wide, sizeof wide));         /* sgdt (%rdi) */
    CHECK(RUN("\x0F\x01\x0F") == EMULATED_DONE && !memcmp(device, "\x78\x56\x08\x07", 4));     /* sidt (%rdi) */
    memset(device, 0xEE, 8);
    CHECK(RUN("\x0F\x00\x07") == EMULATED_DONE && !memcmp(device, "\x20\0\xEE", 3));           /* sldt (%rdi) */
    CHECK(RUN("\x48\x0F\x00\x0F") == EMULATED_DONE && !memcmp(device, "\x18\0\xEE", 3));       /* rex.w str (%rdi) */
}

static void test_loaded(void)
{
    static const uint8_t table[] = {0x67, 0x45, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0, 0};

    memcpy(device, table, sizeof table);
    CHECK(RUN("\x0F\x01\x17") == EMULATED_DONE && sregs.gdt.limit == 0x4567 && sregs.gdt.base == 0x605040302010);
    CHECK(RUN("\x0F\x01\x1F") == EMULATED_DONE && sregs.idt.limit == 0x4567 && sregs.idt.base == 0x605040302010);
    device[9] = 0x12; /* not canonical */
    sets = 0;
    CHECK(is_fault(RUN("\x0F\x01\x17"), 13, 0) && is_fault(RUN("\x0F\x01\x1F"), 13, 0) && !sets);
    sregs.cr0 = 0x80000001;
    put(0xFFFE);
    CHECK(RUN("\x0F\x01\x37") == EMULATED_DONE && sregs.cr0 == 0x8000000F);                      /* lmsw (%rdi) */
    put(0);
    CHECK(RUN("\x0F\x01\x37") == EMULATED_DONE && sregs.cr0 == 0x80000001);                      /* PE stays */
}

static void test_local(void)
{
    set_table();
    ((uint64_t *)TABLE)[3] = 0x1200823456780067; /* an LDT */
    put(SELECT_TASK);
    CHECK(RUN("\x0F\x00\x17") == EMULATED_DONE && sregs.ldt.base == 0x9912345678 && !sregs.ldt.unusable); /* lldt (%rdi) */
    CHECK(sregs.ldt.limit == 0x67 && sregs.ldt.selector == SELECT_TASK);
    put(SELECT_DATA);
    CHECK(is_fault(RUN("\x0F\x00\x17"), 13, SELECT_DATA));
    put(4);
    CHECK(is_fault(RUN("\x0F\x00\x17"), 13, 4));
    put(3);
    CHECK(RUN("\x0F\x00\x17") == EMULATED_DONE && sregs.ldt.unusable && sregs.ldt.selector == 3);
}

/* A far pointer goes to a segment register and another one. */
static void test_far_pointers(void)
{
    static const uint8_t far[] = {0x78, 0x56, 0x34, 0x12, SELECT_DATA, 0, 0, 0, SELECT_ABSENT, 0};

    set_table();
    memcpy(device, far, sizeof far);
    CHECK(RUN("\x0F\xB2\x0F") == EMULATED_DONE && registers.rcx == 0x12345678 && sregs.ss.selector == SELECT_DATA);
    CHECK(RUN("\x0F\xB4\x17") == EMULATED_DONE && registers.rdx == 0x12345678 && sregs.fs.selector == SELECT_DATA);
    registers.rcx = 5;
    sets = 0;
    CHECK(is_fault(RUN("\x48\x0F\xB5\x0F"), 11, SELECT_ABSENT) && registers.rcx == 5 && !sets); /* rex.w lgs (%rdi), %rcx */
}

void test_segments(void)
{
    set_table();
    test_data();
    test_refused();
    test_system();
    test_stored();
    test_loaded();
    test_local();
    test_far_pointers();
}

/* --- The stack --- */

#define FLAGS_KEPT 0x3000ull /* IOPL */
#define VM_RF 0x30000ull

static const struct luv_mode wide_user = {.cr0 = 1, .efer = 1 << 10, .cs_rights = 1 << 13, .ss_rights = 3 << 5};
static const struct luv_mode narrow = {.cr0 = 1, .cs_rights = 1 << 14, .ss_rights = 1 << 14};

static enum emulated run_as(const struct luv_mode *how, const char *code, size_t size)
{
    static const struct owner_state owner_state = {.get_sregs = get_sregs, .set_sregs = set_sregs};

    memcpy(CODE, code, size);
    registers.rip = (uint64_t)CODE;
    begin_emulation(&emulation, NULL, &registers, how);
    emulation.owner_state = &owner_state;
    return run_with_memory(&emulation);
}

#define RUN_AS(how, code) run_as(how, code, sizeof code - 1)

static void test_flags(void)
{
    registers.rsp = (uint64_t)device + 8;
    registers.rflags = 0x246 | VM_RF;
    CHECK(RUN("\x9C") == EMULATED_DONE && registers.rsp == (uint64_t)device && *(uint64_t *)device == 0x246); /* pushfq */
    registers.rflags = 2 | 0x100000;
    put(0x243FD7 | VM_RF | 0x180000);
    CHECK(RUN("\x9D") == EMULATED_DONE && registers.rsp == (uint64_t)device + 8);                /* popfq */
    CHECK(registers.rflags == (0x243FD7 | 0x100000)); /* VM, RF, VIF, VIP stay; all others are loaded */
    registers.rsp = (uint64_t)device;
    registers.rflags = 0x202;
    put(0x3045);
    CHECK(RUN_AS(&wide_user, "\x9D") == EMULATED_DONE && registers.rflags == 0x247);             /* neither IOPL nor IF */
    registers.rsp = (uint64_t)device;
    registers.rflags = 0x3202;
    put(0x45);
    CHECK(RUN_AS(&wide_user, "\x9D") == EMULATED_DONE && registers.rflags == 0x3047);            /* with IOPL 3: IF */
    registers.rsp = (uint64_t)device;
    registers.rflags = 0x40202;
    put(0xFFD7);
    CHECK(RUN("\x66\x9D") == EMULATED_DONE && registers.rflags == 0x47FD7 && registers.rsp == (uint64_t)device + 2);
}

static void test_selectors(void)
{
    set_table();
    sregs.fs.selector = 0x1234;
    memset(device, 0xEE, 8);
    registers.rsp = (uint64_t)device + 8;
    CHECK(RUN("\x0F\xA0") == EMULATED_DONE && registers.rsp == (uint64_t)device &&
          *(uint64_t *)device == 0x1234); /* push %fs */
    put(SELECT_DATA);
    CHECK(RUN("\x0F\xA9") == EMULATED_DONE && registers.rsp == (uint64_t)device + 8 && sregs.gs.selector == SELECT_DATA);
    registers.rsp = (uint64_t)device;
    put(SELECT_ABSENT);
    CHECK(is_fault(RUN("\x0F\xA9"), 11, SELECT_ABSENT) && registers.rsp == (uint64_t)device);
    memset(device, 0xEE, 8);
    registers.rsp = (uint64_t)device + 4;
    CHECK(RUN_AS(&narrow, "\x0F\xA0") == EMULATED_DONE && registers.rsp == (uint64_t)device);
    CHECK(!memcmp(device, "\x34\x12", 2)); /* push %fs: what else is written differs between processors */
}

/* All eight general registers; the one for ESP is what it was, and not loaded. */
static void test_all(void)
{
    static const uint32_t popped[] = {1, 2, 3, 4, 5, 6, 7, 8};
    const uint32_t *words = (const uint32_t *)(const void *)device;

    registers.rax = 10, registers.rcx = 11, registers.rdx = 12, registers.rbx = 13;
    registers.rbp = 15, registers.rsi = 16, registers.rdi = 17;
    registers.rsp = (uint64_t)device + 32;
    CHECK(RUN_AS(&narrow, "\x60") == EMULATED_DONE && registers.rsp == (uint64_t)device);        /* pusha */
    CHECK(words[7] == 10 && words[6] == 11 && words[5] == 12 && words[4] == 13 && words[3] == (uint32_t)(uint64_t)device + 32);
    CHECK(words[2] == 15 && words[1] == 16 && words[0] == 17);
    memcpy(device, popped, sizeof popped);
    CHECK(RUN_AS(&narrow, "\x61") == EMULATED_DONE && registers.rsp == (uint64_t)device + 32);   /* popa */
    CHECK(registers.rdi == 1 && registers.rsi == 2 && registers.rbp == 3 && registers.rbx == 5 && registers.rdx == 6);
    CHECK(registers.rcx == 7 && registers.rax == 8);
}

static void test_table_byte(void)
{
    registers.rbx = (uint64_t)device;
    registers.rax = 0x1105;
    device[5] = 0x99;
    CHECK(RUN("\xD7") == EMULATED_DONE && registers.rax == 0x1199);                              /* xlat */
}

/* 16 bytes are compared and exchanged only where they are aligned. */
static void test_sixteen(void)
{
    uint64_t *pair = (uint64_t *)(void *)device;

    pair[0] = registers.rax = 1, pair[1] = registers.rdx = 2;
    registers.rbx = 3, registers.rcx = 4, registers.rflags = 2;
    CHECK(RUN("\x48\x0F\xC7\x0F") == EMULATED_DONE && pair[0] == 3 && pair[1] == 4 && registers.rflags == 0x42);
    CHECK(RUN("\x48\x0F\xC7\x0F") == EMULATED_DONE && registers.rax == 3 && registers.rdx == 4 && registers.rflags == 2);
    CHECK(is_fault(RUN("\x48\x0F\xC7\x4F\x08"), 13, 0));                                        /* cmpxchg16b 8(%rdi) */
}

void test_stack(void)
{
    test_flags();
    test_selectors();
    test_all();
    test_table_byte();
    test_sixteen();
}
