/* Guest memory: which of the VMM's memory is moved into the pool, at which offsets, and when superpages are released. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake.h"
#include "tests.h"
#include "api/vm.h"

#define PAGE_BYTES 4096ull
#define MIB (1ull << 20)
#define RIGHTS 7u

static int vm;

static uint8_t *make_shared_area(uint64_t size)
{
    uint8_t *room = mmap(NULL, size + 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(room != MAP_FAILED);
    return room + (-(uintptr_t)room & (2 * MIB - 1));
}

static int set(uint32_t slot, uint64_t guest, uint64_t size, const void *user, uint32_t flags)
{
    struct kvm_userspace_memory_region region = {slot, flags, guest, size, (uint64_t)user};

    return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) ? -errno : 0;
}

static unsigned count_claimed(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < FAKE_FRAMES; i++)
        count += fake.claimed[i];
    return count;
}

/* Memory keeps its content when it is moved into the pool, and VMM and guest see each other's writes. */
static void test_contents(void)
{
    uint8_t *block = make_shared_area(8 * MIB);
    unsigned before = count_claimed();

    block[0] = 1;
    block[5 * MIB + 3] = 2;
    CHECK(!set(0, 0, 8 * MIB, block, 0));
    CHECK(block[0] == 1 && block[5 * MIB + 3] == 2 && block[7 * MIB] == 0);
    CHECK(read_pool((uint64_t)get_offset(0)) == 1 && read_pool((uint64_t)get_offset(5 * MIB + 3)) == 2);
    block[6 * MIB] = 3;
    CHECK(read_pool((uint64_t)get_offset(6 * MIB)) == 3);
    for (uint64_t at = 0; at < 8 * MIB; at += 2 * MIB)
        CHECK(get_offset(at) % (int64_t)(2 * MIB) == 0 && get_offset(at + MIB) == get_offset(at) + (int64_t)MIB);
    CHECK(count_claimed() == before + 4);
    CHECK(!set(0, 0, 0, block, 0) && get_offset(0) < 0);
}

/* Several slots of one allocation, made repeatedly, use the same superpages. */
static void test_aliases(void)
{
    uint8_t *block = make_shared_area(4 * MIB);
    unsigned before = count_claimed();

    block[0xC0000] = 9;
    CHECK(!set(0, 0, 0xA0000, block, 0));
    CHECK(!set(1, 0xC0000, 4 * MIB - 0xC0000, block + 0xC0000, 0));
    CHECK(count_claimed() == before + 2);
    for (int i = 0; i < 20; i++) {
        CHECK(!set(1, 0, 0, NULL, 0));
        CHECK(!set(1, 0xC0000, 4 * MIB - 0xC0000, block + 0xC0000, i & 1 ? KVM_MEM_READONLY : 0));
        CHECK(!set(2, 0xF00000, 0x20000, block + 0xC0000, 0));
        CHECK(get_offset(0xF00000) == get_offset(0xC0000));
        CHECK((fake.pages[0xC0] & RIGHTS) == (i & 1 ? 5 : 7));
        CHECK(!set(2, 0, 0, NULL, 0));
    }
    CHECK(count_claimed() == before + 2 && block[0xC0000] == 9);
    CHECK(!set(0, 0, 0, NULL, 0) && !set(1, 0, 0, NULL, 0));
}

/* Allocations smaller than a superpage in one window share its superpage. */
static void test_small(void)
{
    uint8_t *window = make_shared_area(2 * MIB);
    unsigned before = count_claimed();

    memset(window + 0x1000, 7, 0x2000);
    CHECK(!set(0, 0x1000, 0x1000, window + 0x1000, 0));
    CHECK(!set(1, 0x9000, 0x1000, window + 0x2000, 0));
    CHECK(count_claimed() == before + 1);
    CHECK(read_pool((uint64_t)get_offset(0x9FFF)) == 7);
    CHECK(!set(0, 0, 0, NULL, 0) && !set(1, 0, 0, NULL, 0));
}

/* Memory that the VMM unmaps: its superpage is released with its last slot. New memory at the same address starts anew. */
static void test_given_up(void)
{
    uint8_t *block = make_shared_area(2 * MIB);
    unsigned before = count_claimed();

    block[0] = 5;
    CHECK(!set(0, 0, 2 * MIB, block, 0) && count_claimed() == before + 1);
    munmap(block, 2 * MIB);
    CHECK(read_pool((uint64_t)get_offset(0)) == 5);
    CHECK(!set(0, 0, 0, NULL, 0) && count_claimed() == before);

    CHECK(mmap(block, 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == block);
    CHECK(!set(0, 0, 2 * MIB, block, 0));
    block[0] = 6;
    block[MIB] = 7;
    CHECK(mmap(block, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == block);
    CHECK(!set(0, 0, 0, NULL, 0) && !set(0, 0, 2 * MIB, block, 0));
    CHECK(block[0] == 0 && read_pool((uint64_t)get_offset(0)) == 0 && block[MIB] == 7);
    CHECK(!set(0, 0, 0, NULL, 0));
}

/* Memory that the VMM itself may not write is the guest's for reading, though the slot has no flag for that. */
static void test_unwritable(void)
{
    uint8_t *block = make_shared_area(2 * MIB);

    block[MIB] = 8;
    CHECK(!mprotect(block, 2 * MIB, PROT_READ));
    CHECK(!set(0, 0, 2 * MIB, block, 0));
    CHECK((fake.pages[0x100] & RIGHTS) == 5 && read_pool((uint64_t)get_offset(MIB)) == 8);
    CHECK(!set(0, 0, 0, NULL, 0));
}

/* Large memory is not reserved in dom0 (VmFlags "nr"): a guest may have more than dom0's overcommit limit permits. */
static void test_unreserved(void)
{
    uint8_t *block = make_shared_area(256 * MIB);
    FILE *maps = fopen("/proc/self/smaps", "r");
    unsigned long start, end;
    bool inside = false, unreserved = false;
    char line[512];

    while (fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
            inside = (uint64_t)block >= start && (uint64_t)block < end;
        unreserved |= inside && !strncmp(line, "VmFlags:", 8) && strstr(line, " nr");
    }
    fclose(maps);
    CHECK(unreserved);
    munmap(block, 256 * MIB);
}

static void test_refusals(void)
{
    void *shared = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint8_t *block = make_shared_area(256 * MIB);
    unsigned before = count_claimed();

    CHECK(set(0, 0, MIB, shared, 0) == -EINVAL && get_offset(0) < 0);
    munmap(block + MIB, PAGE_BYTES);
    CHECK(set(0, 0, 2 * MIB, block, 0) == -EINVAL);
    CHECK(set(0, 0, 200 * MIB, block + 4 * MIB, 0) == -ENOMEM && get_offset(0) < 0);
    CHECK(count_claimed() > before);
    munmap(block, 256 * MIB);
    CHECK(!set(0, 0, MIB, make_shared_area(MIB), 0) && !set(0, 0, 0, NULL, 0));
}

/* A CPU that is still in the guest is waited for. */
static void test_busy(void)
{
    uint8_t *block = make_shared_area(4 * MIB);

    CHECK(!set(0, 0, 4 * MIB, block, 0));
    fake.unmaps_to_refuse = 3;
    CHECK(!set(0, 0, 0, NULL, 0) && !fake.unmaps_to_refuse && get_offset(3 * MIB) < 0);
}

#define LOG_PAGES 700u
#define LOG_FIRST 0xA0u /* no multiple of 64 */

static void expect_log(uint32_t slot, const unsigned *pages, unsigned count)
{
    uint64_t bits[(LOG_PAGES + 63) / 64 + 1], wanted[(LOG_PAGES + 63) / 64 + 1] = {0};
    struct kvm_dirty_log log = {.slot = slot, .dirty_bitmap = bits};

    memset(bits, 0xEE, sizeof bits);
    wanted[(LOG_PAGES + 63) / 64] = 0xEEEEEEEEEEEEEEEE; /* the guest does not write any more */
    for (unsigned i = 0; i < count; i++)
        wanted[pages[i] / 64] |= 1ull << pages[i] % 64;
    CHECK(!ioctl(vm, KVM_GET_DIRTY_LOG, &log) && !memcmp(bits, wanted, sizeof bits));
}

/* The log reports each page that the guest has written, once, for any slot. */
static void test_log(void)
{
    static const unsigned pages[] = {0, 1, 63, 64, 351, 352, 353, 699};
    uint8_t *block = make_shared_area(4 * MIB);
    struct kvm_dirty_log log = {.slot = 1};

    CHECK(!set(1, LOG_FIRST * PAGE_BYTES, LOG_PAGES * PAGE_BYTES, block, 0));
    CHECK(ioctl(vm, KVM_GET_DIRTY_LOG, &log) && errno == ENOENT);
    CHECK(!set(1, LOG_FIRST * PAGE_BYTES, LOG_PAGES * PAGE_BYTES, block, KVM_MEM_LOG_DIRTY_PAGES));
    expect_log(1, NULL, 0);
    for (unsigned i = 0; i < sizeof pages / sizeof *pages; i++)
        fake.dirty[LOG_FIRST + pages[i]] = true;
    fake.dirty[LOG_FIRST - 1] = fake.dirty[LOG_FIRST + LOG_PAGES] = true;
    fake.unmaps_to_refuse = 2; /* waits for CPUs that may still write without setting a dirty bit */
    expect_log(1, pages, sizeof pages / sizeof *pages);
    CHECK(!fake.unmaps_to_refuse && fake.dirty[LOG_FIRST - 1] && fake.dirty[LOG_FIRST + LOG_PAGES]);
    expect_log(1, NULL, 0);
    CHECK(!set(1, 0, 0, NULL, 0));
    CHECK(ioctl(vm, KVM_GET_DIRTY_LOG, &log) && errno == ENOENT);
}

/* Without EPT dirty bits every page may have been written. */
static void test_log_without_marks(void)
{
    uint64_t bits = 0;
    struct kvm_dirty_log log = {.slot = 1, .dirty_bitmap = &bits};

    CHECK(!set(1, 0, 64 * PAGE_BYTES, make_shared_area(2 * MIB), KVM_MEM_LOG_DIRTY_PAGES));
    fake.has_no_marks = true;
    CHECK(!ioctl(vm, KVM_GET_DIRTY_LOG, &log) && bits == UINT64_MAX);
    fake.has_no_marks = false;
    CHECK(!set(1, 0, 0, NULL, 0));
}

/* The process continues without the domain: its memory is anonymous again. */
static void test_end(void)
{
    uint8_t *block = make_shared_area(2 * MIB);

    block[17] = 4;
    CHECK(!set(0, 0, 2 * MIB, block, 0));
    close(vm);
    CHECK(fake.calls[LUV_HYPERCALL_domain_destroy] == 1 && block[17] == 4);
    fake.pages[0] = 0;
    block[17] = 8;
    CHECK(block[17] == 8);
}

void test_memory(void)
{
    vm = (int)create_vm(&backend_vmcall);
    CHECK(vm >= 0);
    test_contents();
    test_aliases();
    test_small();
    test_given_up();
    test_unwritable();
    test_unreserved();
    test_refusals();
    test_busy();
    test_log();
    test_log_without_marks();
    test_end();
}
