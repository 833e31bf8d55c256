/*
 * Domains, their memory and tables on the host: physical memory and the hidden pages are arrays, a process's memory is a list of
 * page frames, and the test makes all calls on one processor.
 */
#include "boot/start.h"
#include "boot/region.h"
#include "core/pages.h"
#include "domu/memory.h"
#include "domu/pool.h"
#include "domu/state.h"
#include "domu/switch.h"
#include "generated/x86/externs.h"

#define HIDDEN_BASE GIB(1)
#define HIDDEN_PAGES 2048
#define RAM_SIZE MIB(96)
#define PROCESSES 4
#define USER_PAGES 16384                /* of a process, from address 0 on */
#define USER_WRITE 1ull

u64 host_ram[RAM_SIZE / 8] __attribute__((aligned(4096)));
u64 host_hidden[HIDDEN_PAGES][512] __attribute__((aligned(4096)));
u64 host_user[PROCESSES + 1][USER_PAGES];       /* a frame and USER_WRITE; 0: absent */
u64 hv_base, hv_size, direct_map;
struct cpu **cpus;
u32 cpu_count = 1;
volatile bool panicking;
struct start start;

static struct cpu cpu;
static u64 process;                     /* the caller: its CR3 is its number in pages */
static bool has_dirty;

bool nested_has_dirty(void)
{
    return has_dirty;
}

u64 guest_cr3(void)
{
    return process * PAGE_SIZE | 0x8000000000000007ull;
}

void vcpu_state_clear(struct vcpu *vcpu)
{
    if (!vcpu->control_page)
        __builtin_trap();
}

void host_halt(void)
{
    __builtin_trap();
}

void boot_stop(const char *error, const char *why)
{
    (void)error, (void)why;
    __builtin_trap();
}

bool switch_init(void)
{
    return true;
}

u32 domu_xsave_size(void)
{
    return PAGE_SIZE + 1;               /* two pages in one piece */
}

void state_reset(struct cpu *from, struct vcpu *vcpu)
{
    (void)from;
    *(u64 *)hv_virt(vcpu->control_page) = *(u64 *)hv_virt(vcpu->tpr_page) = *(u64 *)hv_virt(vcpu->xsave + PAGE_SIZE) = ~0ull;
}

u64 region_take(u32 pages)
{
    (void)pages;
    return HIDDEN_BASE;
}

u64 region_find(u64 bytes, u64 lowest, u64 end)
{
    static u64 top = RAM_SIZE;
    (void)lowest, (void)end;
    return top -= bytes;
}

void region_reserve(u64 lo, u64 hi, u32 type)
{
    (void)lo, (void)hi, (void)type;
}

u64 region_ram_end(void)
{
    return RAM_SIZE;
}

/* ---- The caller's memory: a list instead of page tables; walk.c has its own test. */

struct walk walk_caller(bool write)
{
    return (struct walk){.root = process * PAGE_SIZE, .write = write};
}

struct walk walk_other(u64 cr3)
{
    return (struct walk){.root = cr3};
}

u64 walk_span(struct walk *walk, u64 address, u64 size, u64 *physical)
{
    const u64 *pages = host_user[walk->root / PAGE_SIZE];
    u64 end = min(size, PAGE_2M - address % PAGE_2M), done = 0;
    for (; done < end && (address + done) / PAGE_SIZE < USER_PAGES; done += PAGE_SIZE) {
        u64 entry = pages[(address + done) / PAGE_SIZE];
        if (!entry || (walk->write && !(entry & USER_WRITE)) || (done && (entry & ~PAGE_MASK) != *physical + done))
            break;
        if (!done)
            *physical = entry & ~PAGE_MASK;
    }
    return done;
}

/* ---- Called from Python. */

void host_begin(u32 pool_frames, u32 other_frames, bool dirty)
{
    u32 frames[] = {pool_frames, other_frames};
    static struct cpu *one = &cpu;
    hv_base = HV_VA + HIDDEN_BASE - (u64)host_hidden;
    direct_map = (u64)host_ram;
    cpus = &one;
    has_dirty = dirty;
    pools_size(frames, other_frames ? 2 : 1);
    pools_place();
    if (pools_pages() > HIDDEN_PAGES)
        __builtin_trap();
    domains_init();
}

void host_caller(u32 number, u64 low, u64 high)
{
    process = number;
    cpu.guest.r8 = low;
    cpu.guest.r9 = high;
}

u64 host_pool(u32 pool)
{
    return pools[pool].base;
}

/* A hypercall as the dispatcher makes it; returns the error, and the value in *value. */
u32 host_create(u32 flags, u64 address, u64 *value)
{
    struct answer answer = domain_create(&cpu, flags, address, cpu.guest.r8, cpu.guest.r9);
    *value = answer.value;
    return answer.error;
}

u32 host_set_token(u64 low, u64 high)
{
    return token_set(&cpu, low, high).error;
}

bool host_knows_token(void)
{
    return knows_token(&cpu);
}

enum { DESTROY, STAT, VCPU, CLAIM, RELEASE, MAP, UNMAP, DIRTY };

static struct answer domain_call(struct domain *domain, u32 call, u64 a, u64 b, u64 c)
{
    switch (call) {
    case DESTROY: return domain_destroy(&cpu, domain);
    case STAT: return domain_stat(&cpu, domain, (u32)a);
    case VCPU: return vcpu_create(&cpu, domain, (u32)a, b);
    case CLAIM: return superpage_claim(&cpu, domain, a);
    case RELEASE: return superpage_release(&cpu, domain, a);
    case MAP: return memory_map(&cpu, domain, a, b, c);
    case DIRTY: return memory_dirty(&cpu, domain, a, (u32)b);
    default: return memory_unmap(&cpu, domain, a, b);
    }
}

u32 host_call(u64 handle, u32 who, u32 call, u64 a, u64 b, u64 c, u64 *value)
{
    struct domain *domain;
    u32 error = domain_acquire(&cpu, handle, who, &domain);
    if (error)
        return error;
    struct answer answer = domain_call(domain, call, a, b, c);
    domain_release(domain);
    *value = answer.value;
    return answer.error;
}

/* A CPU acquires a vCPU and flushes, as vcpu_run does; and releases it. */
u32 host_acquire(u64 handle)
{
    struct vcpu *vcpu;
    u32 error = vcpu_acquire(&cpu, handle, &vcpu);
    if (!error)
        vcpu->entry_generation = vcpu->domain->generation;
    return error;
}

void host_release(u64 handle)
{
    vcpu_release(&vcpus[(handle >> HANDLE_VCPU_SHIFT) - 1]);
}

void host_write(u64 handle, u64 guest)
{
    struct place place = tables_find(&domains[handle & HANDLE_INDEX_MASK], guest);
    if (place.value)
        *place.entry |= NESTED_DIRTY;
}

static u32 leaves_list(u64 page, u32 level, u64 guest, u64 *list, u32 count)
{
    const u64 *table = hv_virt(page);
    for (u64 i = 0; i < 512; i++) {
        u64 at = guest | i << (3 + 9 * level), entry = table[i];
        if (entry && (level == 1 || entry & NESTED_LARGE)) {
            list[count++] = at | level;
            list[count++] = entry;
        } else if (entry) {
            count = leaves_list(entry & NESTED_FRAME_MASK, level - 1, at, list, count);
        }
    }
    return count;
}

/* All leaf entries of a domain: guest address and level, entry. */
u32 host_leaves(u64 handle, u64 *list)
{
    const struct domain *domain = &domains[handle & HANDLE_INDEX_MASK];
    return leaves_list(domain->root, 4, 0, list, 0);
}

/* Owner, mapped pages, shared vCPU areas. */
void host_superpage(u32 pool, u32 number, u64 *list)
{
    const struct superpage *superpage = &pools[pool].superpage[number];
    list[0] = superpage->owner;
    list[1] = superpage->pages;
    list[2] = superpage->vcpu_areas;
    list[3] = pools[pool].free;
}

u64 host_account(u32 pool)
{
    return (u64)pools[pool].pages << 32 | pages_left();
}
