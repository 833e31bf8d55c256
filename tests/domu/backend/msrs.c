/* MSRs that the guest reads and writes, held against what KVM answers for the same numbers, and against the manual. */
#define _GNU_SOURCE
#include "fake.h"
#include "tests.h"

#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#define GENERAL_PROTECTION 0x80000B0Du
#define LENGTH 2

enum kind { KEPT, IGNORED, REFUSED }; /* what becomes of a write */

static struct {
    uint32_t index;
    uint64_t value;
    bool write;
} access;

static uint32_t touch(struct luv_run *page)
{
    page->rcx = access.index;
    page->rax = (uint32_t)access.value;
    page->rdx = access.value >> 32;
    page->length = LENGTH;
    return access.write ? LUV_EXIT_MSR_WRITE : LUV_EXIT_MSR_READ;
}

/* Return true if it is not refused, which must show in RIP too. */
static bool is_done(void)
{
    bool refused;

    start(touch, 0, 2);
    refused = seen.event == GENERAL_PROTECTION && !seen.event_error;
    CHECK(refused || !seen.event);
    CHECK(seen.rip == START + (refused ? 0 : LENGTH));
    return !refused;
}

static bool reads(uint32_t index, uint64_t value)
{
    access.index = index;
    access.write = false;
    return is_done() && ((uint64_t)(uint32_t)seen.rax | seen.rdx << 32) == value;
}

static bool writes(uint32_t index, uint64_t value)
{
    access.index = index;
    access.value = value;
    access.write = true;
    return is_done();
}

static void set_from_outside(uint32_t index, uint64_t value)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } set = {.head.nmsrs = 1, .entry = {.index = index, .data = value}};

    CHECK(ioctl(vcpu, KVM_SET_MSRS, &set) == 1);
}

/* --- KVM's list: kvm_get_msr_common and kvm_set_msr_common of Linux 6.1. What KVM reads, reads the same here; what it keeps for
 * the guest is kept. Of those that are kept here KVM ignores some writes. --- */

static const struct {
    uint32_t index;
    uint64_t value;
    enum kind kind;
} all[] = {
    {0x17, 0, REFUSED}, /* platform id */
    {0x2A, 0, REFUSED}, /* EBL_CR_POWERON */
    {0x2C, 1 << 24, REFUSED}, /* EBC_FREQUENCY_ID */
    {0x34, 0, REFUSED}, /* SMI count */
    {0x3A, 1, REFUSED}, /* FEATURE_CONTROL, locked */
    {0x8B, 0x100000000, IGNORED}, /* microcode revision */
    {0xC1, 0, IGNORED}, /* counters */
    {0xC2, 0, IGNORED},
    {0xCD, 3, REFUSED}, /* FSB_FREQ */
    {0xCE, 0, REFUSED}, /* PLATFORM_INFO; KVM's says that CPUID can fault, which is not so here */
    {0xFE, 0x508, REFUSED}, /* MTRRCAP */
    {0x11E, 0xBE702111, KEPT}, /* BBL_CR_CTL3; KVM ignores a write */
    {0x140, 0, REFUSED}, /* MISC_FEATURES_ENABLES: nothing to enable */
    {0x186, 0, IGNORED},
    {0x187, 0, IGNORED},
    {0x198, 0x400000003E8, REFUSED}, /* PERF_STATUS */
    {0x199, 0, KEPT}, /* PERF_CTL */
    {0x1A0, 1, KEPT}, /* MISC_ENABLE */
    {0x1D9, 0, KEPT}, /* DEBUGCTL */
    {0x1DB, 0, REFUSED}, /* last branch and last interrupt */
    {0x1DC, 0, REFUSED},
    {0x1DD, 0, REFUSED},
    {0x1DE, 0, REFUSED},
    {0x1FC, 0, KEPT}, /* POWER_CTL */
    {0x606, 0, REFUSED}, /* RAPL: there is no power to measure */
    {0x611, 0, REFUSED},
    {0x619, 0, REFUSED},
    {0x639, 0, REFUSED},
    {0x641, 0, REFUSED},
    {0xC0010000, 0, IGNORED},
    {0xC0010007, 0, IGNORED},
    {0xC0010010, 0, KEPT}, /* SYSCFG */
    {0xC0010015, 0, KEPT}, /* HWCR */
    {0xC001001B, 0x20000000, KEPT}, /* CLK_CTL */
    {0xC001001F, 0, KEPT}, /* NB_CFG */
    {0xC0010020, 0, IGNORED}, /* PATCH_LOADER */
    {0xC0010055, 0, KEPT}, /* INT_PENDING_MSG */
    {0xC0010058, 0, KEPT}, /* MMIO_CONF_BASE */
    {0xC0010112, 0, KEPT}, /* TSEG */
    {0xC0010113, 0, KEPT},
    {0xC0010117, 0, KEPT}, /* VM_HSAVE_PA */
    {0xC0010140, 0, KEPT}, /* OSVW */
    {0xC0011022, 0, KEPT}, /* DC_CFG */
    {0xC0011023, 0, KEPT}, /* TW_CFG */
    {0xC001102A, 0, KEPT}, /* BU_CFG2 */
    {0xC001102C, 0, KEPT}, /* EX_CFG */
};

static void test_list(void)
{
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
        uint64_t other = all[i].value ^ 4;

        if (!reads(all[i].index, all[i].value))
            printf("MSR %#x does not read %#lx\n", all[i].index, (unsigned long)all[i].value);
        CHECK(reads(all[i].index, all[i].value));
        CHECK(writes(all[i].index, other) == (all[i].kind != REFUSED));
        CHECK(reads(all[i].index, all[i].kind == KEPT ? other : all[i].value));
    }
}

/* What the VMM sets the guest reads, also where it may not write. */
static void test_set(void)
{
    set_from_outside(0x17, 0x1234);
    CHECK(reads(0x17, 0x1234));
    set_from_outside(0x3A, 0);
    CHECK(writes(0x3A, 5) && reads(0x3A, 5));
    CHECK(!writes(0x3A, 0) && reads(0x3A, 5)); /* the guest has locked it */
    CHECK(writes(0x140, 0) && !writes(0x140, 1));
}

/* 0 is written, CPUID is executed, and the revision is read. SDM: 10.11.7 */
static void test_microcode(void)
{
    set_from_outside(0x8B, 0x2A00000000);
    CHECK(writes(0x8B, 0) && reads(0x8B, 0x2A00000000));
    CHECK(writes(0x79, 0x1000)); /* an update, which is not loaded */
    CHECK(reads(0x8B, 0x2A00000000));
}

/* --- Memory types: reserved ones, reserved bits, addresses that the guest's CPUID does not have. SDM: 12.11.2 --- */

static void set_width(uint32_t bits)
{
    struct {
        struct kvm_cpuid2 head;
        struct kvm_cpuid_entry2 entry;
    } table = {.head.nent = 1, .entry = {.function = 0x80000008, .eax = bits}};

    CHECK(!ioctl(vcpu, KVM_SET_CPUID2, &table));
}

static void test_types(void)
{
    static const struct {
        uint32_t index;
        uint64_t value;
        bool done;
    } cases[] = {
        {0x2FF, 0xC06, true},
        {0x2FF, 0xC02, false},
        {0x2FF, 0xC03, false},
        {0x2FF, 0xC07, false},
        {0x2FF, 0x1006, false},
        {0x2FF, 0x106, false},
        {0x2FF, 0, true},
        {0x200, 0xE0000000, true},
        {0x200, 0xE0000001, true},
        {0x200, 0xE0000002, false},
        {0x200, 0xE0000106, false},
        {0x200, 1ull << 39, true},
        {0x200, 1ull << 40, false},
        {0x20E, 6, true},
        {0x20F, 0xFF00000800, true},
        {0x201, 0xFF00000800, true},
        {0x201, 0xFF00000400, false},
        {0x201, 0xFF00000001, false},
        {0x201, 1ull << 40, false},
        {0x250, 0x0606060606060606, true},
        {0x250, 0x0606060206060606, false},
        {0x258, 0x0504010006050401, true},
        {0x259, 0x0700000000000000, false},
        {0x268, 0x0000000000000003, false},
        {0x26F, 0x0505050505050505, true},
        {0x210, 0, false},
        {0x21F, 0, false}, /* MTRRCAP says 8 */
    };

    set_width(40);
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (writes(cases[i].index, cases[i].value) != cases[i].done)
            printf("MSR %#x, %#lx\n", cases[i].index, (unsigned long)cases[i].value);
        CHECK(writes(cases[i].index, cases[i].value) == cases[i].done);
        CHECK(!cases[i].done || reads(cases[i].index, cases[i].value));
    }
    set_width(52);
    CHECK(writes(0x200, 1ull << 51) && !writes(0x200, 1ull << 52));
}

void test_msrs(void)
{
    test_list();
    test_set();
    test_microcode();
    test_types();
}
