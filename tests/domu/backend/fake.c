#define _GNU_SOURCE
#include "fake.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "luvalley/hypercall.h"

#define FRAME (2ull << 20)
#define RIGHTS 7u
#define DOMAIN 0x10001u

struct fake fake;
static int pool_fd;
static char pool_path[64];

/* The offset in the pool of an address of this process, by /proc/self/maps; -1: it is not in the pool. */
static int64_t find_in_pool(uint64_t address, bool *writable)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned long start, end, offset;
    char line[512], rights[5];
    int64_t found = -1;

    while (fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx %4s %lx", &start, &end, rights, &offset) != 4 || address < start || address >= end ||
            !strstr(line, pool_path))
            continue;
        found = (int64_t)(offset + address - start);
        *writable = rights[1] == 'w';
    }
    fclose(maps);
    return found;
}

/* --- The calls --- */

static int64_t claim(uint64_t hint, uint64_t *value)
{
    for (uint64_t i = 0; i < FAKE_FRAMES; i++) {
        uint64_t frame = hint < FAKE_FRAMES ? (hint + i) % FAKE_FRAMES : i;

        if (fake.claimed[frame])
            continue;
        fake.claimed[frame] = true;
        fallocate(pool_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(frame * FRAME), FRAME);
        *value = frame;
        return 0;
    }
    return -ENOMEM;
}

static int64_t release(uint64_t frame)
{
    if (frame >= FAKE_FRAMES || !fake.claimed[frame])
        return -EINVAL;
    for (unsigned i = 0; i < FAKE_PAGES; i++)
        if (fake.pages[i] && fake.pages[i] / FRAME == frame)
            return -EBUSY;
    fake.claimed[frame] = false;
    return 0;
}

/* At most 2 MiB in a call, as in Luvalley. */
static int64_t map(const struct hypercall *call, uint64_t *done)
{
    uint64_t rights = call->r10 & RIGHTS, size = call->r10 & ~0xFFFull;

    for (*done = 0; *done < size; *done += 4096) {
        bool writable = true;
        int64_t offset = find_in_pool(call->rdx + *done, &writable);
        uint64_t *page = &fake.pages[(call->rsi + *done) / 4096];

        if (*done == FRAME)
            return -EAGAIN;
        if (offset < 0 || !fake.claimed[offset / FRAME])
            return -EPERM;
        if (rights & LUV_RIGHT_WRITE && !writable)
            return -EFAULT;
        if (*page)
            return -EEXIST;
        *page = (uint64_t)offset | rights;
    }
    return 0;
}

static int64_t unmap(const struct hypercall *call, uint64_t *done)
{
    for (*done = 0; *done < call->rdx; *done += 4096) {
        if (*done == FRAME)
            return -EAGAIN;
        fake.pages[(call->rsi + *done) / 4096] = 0;
    }
    if (!fake.unmaps_to_refuse)
        return 0;
    fake.unmaps_to_refuse--;
    return -EAGAIN;
}

/* Of one 2 MiB, as in Luvalley. */
static int64_t tell_dirty(uint64_t first, uint64_t pages, uint64_t *bits)
{
    if (fake.has_no_marks)
        return -ENOSYS;
    if (!pages || pages > 64 || first / 512 != (first + pages - 1) / 512)
        return -EINVAL;
    for (uint64_t i = 0; i < pages; i++) {
        *bits |= (uint64_t)fake.dirty[first + i] << i;
        fake.dirty[first + i] = false;
    }
    return 0;
}

static int64_t create_vcpu(const struct hypercall *call, uint64_t *value)
{
    bool writable;

    if (call->rdx % sizeof(struct luv_shared_area) || find_in_pool(call->rdx, &writable) < 0)
        return -EINVAL;
    fake.blocks[fake.vcpus++] = (uint8_t *)call->rdx;
    *value = DOMAIN | (uint64_t)fake.vcpus << 48;
    return 0;
}

/* As in Luvalley: skips the instruction if requested, and does not enter the guest if that is requested. */
static int64_t run(uint32_t vcpu)
{
    struct luv_run *page = (struct luv_run *)(fake.blocks[vcpu] + offsetof(struct luv_shared_area, run));

    if (page->finish == LUV_FINISH_ADVANCE)
        page->rip += page->length;
    page->finish = LUV_FINISH_RESUME;
    page->exit = fake.blocks[vcpu][offsetof(struct luv_shared_area, immediate_exit)] ? LUV_EXIT_INTERRUPTED
                                                                                     : fake.guest(vcpu, page);
    return 0;
}

static uint8_t states[6][sizeof(((struct luv_shared_area *)0)->state)];

void *fake_state(uint32_t what)
{
    return states[what];
}

static int64_t carry(uint32_t vcpu, const struct hypercall *call)
{
    uint8_t *area = fake.blocks[vcpu] + offsetof(struct luv_shared_area, state), *state = states[call->rsi];
    bool set = (uint32_t)call->rax == LUV_HYPERCALL_vcpu_set;

    memcpy(set ? state : area, set ? area : state, call->rdx);
    if (set && call->rsi == 5)
        memcpy(fake.last_controls, area, sizeof fake.last_controls);
    return 0;
}

static int64_t answer(const struct hypercall *call, uint64_t *value)
{
    uint32_t number = (uint32_t)call->rax, vcpu = (uint32_t)(call->rdi >> 48) - 1;

    *value = 0;
    fake.calls[number]++;
    switch (number) {
    case LUV_HYPERCALL_info: *value = call->rdi == LUV_INFO_XCR0 ? 7 : call->rdi == LUV_INFO_XSAVE_SIZE ? 832 : 0; return 0;
    case LUV_HYPERCALL_domain_create: *value = DOMAIN; return find_in_pool(call->rsi, &(bool){0}) < 0 ? -EPERM : 0;
    case LUV_HYPERCALL_domain_destroy: return 0;
    case LUV_HYPERCALL_vcpu_create: return create_vcpu(call, value);
    case LUV_HYPERCALL_superpage_claim: return claim(call->rsi, value);
    case LUV_HYPERCALL_superpage_release: return release(call->rsi);
    case LUV_HYPERCALL_memory_map: return map(call, value);
    case LUV_HYPERCALL_memory_unmap: return unmap(call, value);
    case LUV_HYPERCALL_memory_dirty: return tell_dirty(call->rsi / 4096, call->rdx, value);
    case LUV_HYPERCALL_vcpu_run: return run(vcpu);
    case LUV_HYPERCALL_vcpu_get:
    case LUV_HYPERCALL_vcpu_set: return carry(vcpu, call);
    default: return -ENOSYS;
    }
}

/* --- For tests --- */

void start_fake(void)
{
    snprintf(pool_path, sizeof pool_path, "/dev/shm/luv-pool-%d", getpid());
    pool_fd = open(pool_path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(pool_fd >= 0 && !ftruncate(pool_fd, FAKE_FRAMES * FRAME));
    setenv("LUVKVM_POOL", pool_path, 1);
    luv_hypercall = answer;
}

int64_t get_offset(uint64_t guest)
{
    uint64_t page = fake.pages[guest / 4096];

    return page ? (int64_t)((page & ~0xFFFull) + guest % 4096) : -1;
}

uint8_t read_pool(uint64_t offset)
{
    uint8_t value = 0;

    CHECK(pread(pool_fd, &value, 1, (off_t)offset) == 1);
    return value;
}

__attribute__((destructor)) static void remove_pool(void)
{
    if (pool_path[0])
        unlink(pool_path);
}
