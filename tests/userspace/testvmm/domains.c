/* Cases: which processes may use a domain, its limits, and what is freed when its owner dies. */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

static struct domain domain;
static struct processor *cpu = domain.processors;

/* Run checks in a child process, which must exit with 0. */
static void expect_child(void (*body)(void))
{
    int status;
    pid_t child = fork();

    CHECK(child >= 0, "no process");
    if (child == 0) {
        body();
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0, "the child ended with %#x", status);
}

void case_counts(void)
{
    struct result before, after;

    make_domain(&domain);
    begin(cpu, REAL);
    LOAD(&domain, out);
    before = call_domain(&domain, LUV_HYPERCALL_domain_stat, LUV_EXIT_IO, 0, 0);
    STATUS(before, 0);
    RUN(cpu, IO);
    STEP(cpu, IO);
    after = call_domain(&domain, LUV_HYPERCALL_domain_stat, LUV_EXIT_IO, 0, 0);
    EQUAL(after.value, before.value + 2);
    STATUS(call_domain(&domain, LUV_HYPERCALL_domain_stat, 32 + 30, 0, 0), 0);
    EQUAL(call_domain(&domain, LUV_HYPERCALL_domain_stat, 32 + 30, 0, 0).value, after.value);
    STATUS(call_domain(&domain, LUV_HYPERCALL_domain_stat, 5000, 0, 0), -EINVAL);
}

static void expect_create(uint64_t flags, const void *proof, int64_t status)
{
    struct domain other;

    STATUS(create_domain(&other, flags, proof), status);
}

static void expect_map(uint64_t guest, const void *address, uint64_t size_and_rights, int64_t status)
{
    STATUS(call_domain(&domain, LUV_HYPERCALL_memory_map, guest, (uintptr_t)address, size_and_rights), status);
}

void case_bad_arguments(void)
{
    static uint8_t own[3 * PAGE];
    uint8_t *aligned = (uint8_t *)(((uintptr_t)own + PAGE - 1) & -PAGE), *hole = reserve(SUPERPAGE, SUPERPAGE);

    make_domain(&domain);
    aligned[0] = 1;
    expect_create(1, find_proof(), -EINVAL);
    expect_create(0, aligned, -EPERM);
    expect_create(0, hole, -EFAULT);
    expect_create(0, (void *)(1ull << 60), -EFAULT);
    STATUS(call(LUV_HYPERCALL_domain_create, 0, (uintptr_t)find_proof(), 0, 0, get_token()), -EEXIST);
    STATUS(call(LUV_HYPERCALL_domain_create, 0, (uintptr_t)find_proof(), domain.secret[0], domain.secret[1], get_token()),
           -EEXIST);
    expect_map(0x40000000, hole, PAGE | 7, -EFAULT);
    expect_map(0x40000000, aligned, PAGE | 7, -EPERM);
    expect_map(0x40000001, domain.memory, PAGE | 7, -EINVAL);
    expect_map(0x40000000, domain.memory + 1, PAGE | 7, -EINVAL);
    expect_map(0x40000000, domain.memory, PAGE | 0xF, -EINVAL);
    expect_map(1ull << 60, domain.memory, PAGE | 7, -EINVAL);
    expect_map(0, domain.memory, PAGE | 7, -EEXIST);
    expect_map(0x40000000, (void *)0xFFFF800000000000, PAGE | 7, -EFAULT);
    STATUS(call_domain(&domain, LUV_HYPERCALL_memory_unmap, 5, PAGE, 0), -EINVAL);
    STATUS(call_domain(&domain, LUV_HYPERCALL_superpage_release, domain.memory_superpage, 0, 0), -EBUSY);
    STATUS(call_domain(&domain, LUV_HYPERCALL_superpage_release, domain.shared_superpage, 0, 0), -EBUSY);
    STATUS(call_domain(&domain, LUV_HYPERCALL_superpage_release, ~0ull, 0, 0), -EINVAL);
    STATUS(call(999, 0, 0, 0, 0, domain.secret), -ENOSYS);
}

/* A page that the caller maps read-only cannot be mapped writable for the guest. */
static void expect_read_only_refused(void)
{
    uint8_t *view = map_superpage_at(reserve(SUPERPAGE, SUPERPAGE), domain.memory_superpage, false);

    expect_map(0x40000000, view, SUPERPAGE | 7, -EFAULT);
    map_memory(&domain, 0x40000000, view, SUPERPAGE, 5);
}

static void expect_vcpu(uint32_t apic_id, const void *block, int64_t status)
{
    STATUS(call_domain(&domain, LUV_HYPERCALL_vcpu_create, apic_id, (uintptr_t)block, 0), status);
}

void case_blocks(void)
{
    static uint8_t own[2 * sizeof(struct luv_shared_area)];

    make_domain(&domain);
    memset(own, 1, sizeof own);
    expect_read_only_refused();
    expect_vcpu(0, domain.shared_areas + sizeof(struct luv_shared_area), -EEXIST);
    expect_vcpu(1, domain.shared_areas + sizeof(struct luv_shared_area) + PAGE, -EINVAL);
    expect_vcpu(1, (void *)(((uintptr_t)own + sizeof(struct luv_shared_area) - 1) & -sizeof(struct luv_shared_area)), -EPERM);
    expect_vcpu(1, reserve(sizeof(struct luv_shared_area), sizeof(struct luv_shared_area)), -EFAULT);
    expect_vcpu(1, map_superpage_at(reserve(SUPERPAGE, SUPERPAGE), domain.shared_superpage, false), -EFAULT);
    make_processor(&domain, 1);
}

static void find_nothing(void)
{
    const uint64_t wrong[2] = {domain.secret[0], domain.secret[1] ^ 1};

    STATUS(call_domain(&domain, LUV_HYPERCALL_superpage_claim, ~0ull, 0, 0), -ENOENT);
    STATUS(call_domain(&domain, LUV_HYPERCALL_superpage_release, domain.memory_superpage, 0, 0), -ENOENT);
    STATUS(call_domain(&domain, LUV_HYPERCALL_memory_unmap, 0, SUPERPAGE, 0), -ENOENT);
    STATUS(enter(cpu), -ENOENT);
    STATUS(call(LUV_HYPERCALL_vcpu_get, cpu->handle, 0, 312, 0, domain.secret), -ENOENT);
    STATUS(call(LUV_HYPERCALL_vcpu_set, cpu->handle, 0, 312, 0, domain.secret), -ENOENT);
    STATUS(call(LUV_HYPERCALL_domain_destroy, domain.handle, 0, 0, 0, wrong), -ENOENT);
    STATUS(call(LUV_HYPERCALL_domain_stat, domain.handle, 0, 0, 0, wrong), -ENOENT);
    STATUS(call(LUV_HYPERCALL_domain_destroy, 0, 0, 0, 0, wrong), -ENOENT);
    STATUS(call_domain(&domain, LUV_HYPERCALL_domain_stat, 0, 0, 0), 0);
}

/* A domain can only be used from its owner's address space, and only with the secret. */
void case_rights(void)
{
    const uint64_t wrong[2] = {domain.secret[0] ^ 1, domain.secret[1]};

    make_domain(&domain);
    expect_child(find_nothing);
    STATUS(call(LUV_HYPERCALL_vcpu_run, cpu->handle, 0, 0, 0, wrong), -ENOENT);
    STATUS(call(LUV_HYPERCALL_vcpu_run, cpu->handle ^ 1ull << 20, 0, 0, 0, domain.secret), -ENOENT);
    STATUS(call(LUV_HYPERCALL_vcpu_run, ~0ull, 0, 0, 0, domain.secret), -ENOENT);
    STATUS(call(LUV_HYPERCALL_superpage_claim, 0, ~0ull, 0, 0, domain.secret), -ENOENT);
    expect_child((void (*)(void))find_nothing);
    destroy(&domain);
    STATUS(enter(cpu), -ENOENT);
    STATUS(call_domain(&domain, LUV_HYPERCALL_superpage_claim, ~0ull, 0, 0), -ENOENT);
}

static bool is_zero(const uint8_t *bytes, uint64_t size)
{
    for (uint64_t at = 0; at < size; at += 8)
        if (*(const uint64_t *)(bytes + at))
            return false;
    return true;
}

/* A released superpage is zeroed when it is claimed again, and can be claimed by its number. */
void case_frames(void)
{
    uint64_t before = ask(LUV_INFO_POOL_FREE), superpage;
    uint8_t *view;

    make_domain(&domain);
    EQUAL(ask(LUV_INFO_POOL_FREE), before - 2);
    superpage = claim_superpage(&domain);
    view = map_superpage(superpage);
    CHECK(is_zero(view, SUPERPAGE), "a new superpage is not zero");
    memset(view, 0xAA, SUPERPAGE);
    map_memory(&domain, 0x40000000, view, SUPERPAGE, 7);
    STATUS(call_domain(&domain, LUV_HYPERCALL_superpage_release, superpage, 0, 0), -EBUSY);
    unmap_memory(&domain, 0x40000000, SUPERPAGE);
    STATUS(call_domain(&domain, LUV_HYPERCALL_superpage_release, superpage, 0, 0), 0);
    STATUS(call_domain(&domain, LUV_HYPERCALL_superpage_release, superpage, 0, 0), -EINVAL);
    expect_map(0x40000000, view, SUPERPAGE | 7, -EPERM); /* no longer this domain's */
    EQUAL(claim(&domain, superpage).value, superpage);
    CHECK(is_zero(view, SUPERPAGE), "a superpage that was released is not zero");
    map_memory(&domain, 0x40001000, view + PAGE, PAGE, 7); /* single pages too */
    STATUS(call_domain(&domain, LUV_HYPERCALL_superpage_release, superpage, 0, 0), -EBUSY);
    unmap_memory(&domain, 0x40001000, PAGE);
    destroy(&domain);
    EQUAL(ask(LUV_INFO_POOL_FREE), before);
}

static uint64_t claim_all(void)
{
    uint64_t frames = 0;
    struct result result;

    while (!(result = claim(&domain, ~0ull)).status)
        frames++;
    STATUS(result, -ENOMEM);
    return frames;
}

/* Superpages, domains and vCPUs until ENOMEM; after their release all are available again. */
void case_exhaustion(void)
{
    static struct domain many[256];
    uint64_t frames = ask(LUV_INFO_POOL_SUPERPAGES), made = 0;
    struct result result;

    make_domain(&domain);
    EQUAL(claim_all(), frames - 2);
    STATUS(claim(&domain, 0), -ENOMEM);
    for (uint32_t id = 1; !(result = call_domain(&domain, LUV_HYPERCALL_vcpu_create, id,
                                                 (uintptr_t)domain.shared_areas + id * sizeof(struct luv_shared_area), 0))
                               .status;)
        CHECK(++id < SUPERPAGE / sizeof(struct luv_shared_area), "the number of vCPUs has no limit");
    STATUS(result, -ENOMEM);
    while (made < 256 && !(result = create_domain(&many[made], 0, find_proof())).status)
        made++;
    STATUS(result, -ENOMEM);
    CHECK(made < ask(LUV_INFO_DOMAINS), "%" PRIu64 " domains", made);
    while (made)
        destroy(&many[--made]);
    destroy(&domain);
    EQUAL(ask(LUV_INFO_POOL_FREE), frames);
}

static void spin_forever(void)
{
    make_domain(&domain);
    for (int i = 0; i < 6; i++)
        map_memory(&domain, 0x40000000 + (uint64_t)i * SUPERPAGE, map_superpage(claim_superpage(&domain)), SUPERPAGE, 7);
    begin(cpu, LONG);
    LOAD(&domain, spin);
    for (;;)
        enter(cpu);
}

static void kill_one(int turn)
{
    struct timespec pause = {.tv_nsec = (turn * 7 % 20 + 1) * 1000000};
    pid_t child = fork();

    if (child == 0)
        spin_forever();
    nanosleep(&pause, NULL);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

/* Owners are killed at random moments; the next owner can claim everything. */
void case_killed_owners(void)
{
    uint64_t frames = ask(LUV_INFO_POOL_SUPERPAGES);

    for (int turn = 0; turn < 20; turn++)
        kill_one(turn);
    make_domain(&domain);
    EQUAL(claim_all(), frames - 2);
    destroy(&domain);
    EQUAL(ask(LUV_INFO_POOL_FREE), frames);
}
