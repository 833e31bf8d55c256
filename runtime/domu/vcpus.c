#include "domu/vcpus.h"

#include "generated/externs.h"
#include "core/layout.h"
#include "domu/pool.h"
#include "domu/reap.h"
#include "domu/rights.h"
#include "core/string.h"

struct vcpu *vcpus;

static struct pool *pool_of(const struct domain *domain)
{
    return &pools[domain->pool];
}

static bool vcpu_try(struct cpu *cpu, struct vcpu *vcpu)
{
    u32 none = 0;
    return __atomic_compare_exchange_n(&vcpu->cpu, &none, cpu->index + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static struct vcpu *free_find(struct cpu *cpu)
{
    for (u32 i = 0; i < VCPUS_MAX; i++) {
        if (vcpus[i].handle || !vcpu_try(cpu, &vcpus[i]))
            continue;
        if (!vcpus[i].handle)
            return &vcpus[i];
        vcpu_release(&vcpus[i]);
    }
    return 0;
}

/* A free slot, taken. Each pool has its share, as of domains. */
static struct vcpu *slot_take(struct cpu *cpu, struct pool *pool)
{
    u32 count = __atomic_add_fetch(&pool->vcpus, 1, __ATOMIC_SEQ_CST);
    struct vcpu *vcpu = count <= VCPUS_MAX / pool_count ? free_find(cpu) : 0;
    if (!vcpu)
        __atomic_sub_fetch(&pool->vcpus, 1, __ATOMIC_SEQ_CST);
    return vcpu;
}

static void slot_give(struct pool *pool, struct vcpu *vcpu)
{
    __atomic_sub_fetch(&pool->vcpus, 1, __ATOMIC_SEQ_CST);
    vcpu_release(vcpu);
}

static bool id_is_used(const struct domain *domain, u32 apic_id)
{
    for (u32 i = 0; i < DOMAIN_VCPUS_MAX; i++)
        if (domain->vcpus[i] && domain->vcpus[i]->apic_id == apic_id)
            return true;
    return false;
}

static u32 index_find(const struct domain *domain)
{
    u32 index = 0;
    while (index < DOMAIN_VCPUS_MAX && domain->vcpus[index])
        index++;
    return index;
}

/* Its pages are one piece of a frame that is the domain's, which the caller may write. */
static u32 shared_area_find(const struct domain *domain, u64 address, u64 *block)
{
    if (address & (LUV_BLOCK_SIZE - 1))
        return EINVAL;
    struct walk walk = walk_caller(true);
    for (u64 length, done = 0; done < LUV_BLOCK_SIZE; done += length) {
        u64 physical;
        length = walk_span(&walk, address + done, LUV_BLOCK_SIZE - done, &physical);
        if (!length)
            return EFAULT;
        if (!done)
            *block = physical;
        if (physical != *block + done)
            return EPERM;
    }
    bool inside = *block % SUPERPAGE_SIZE <= SUPERPAGE_SIZE - LUV_BLOCK_SIZE;
    return inside && pool_owned(pool_of(domain), *block, domain->index) ? 0 : EPERM;
}

static void pages_give(struct domain *domain, struct vcpu *vcpu)
{
    if (vcpu->vmcs)
        pool_page_free(pool_of(domain), vcpu->vmcs, 1);
    if (vcpu->tpr_page)
        pool_page_free(pool_of(domain), vcpu->tpr_page, 1);
    if (vcpu->xsave)
        pool_page_free(pool_of(domain), vcpu->xsave, vcpu->xsave_pages);
    vcpu->vmcs = vcpu->tpr_page = vcpu->xsave = 0;
}

static bool pages_take(struct domain *domain, struct vcpu *vcpu)
{
    vcpu->xsave_pages = (u32)(round_up(domu_xsave_size(), PAGE_SIZE) / PAGE_SIZE);
    vcpu->vmcs = pool_page_alloc(pool_of(domain), 1);
    vcpu->tpr_page = pool_page_alloc(pool_of(domain), 1);
    vcpu->xsave = pool_page_alloc(pool_of(domain), vcpu->xsave_pages);
    if (vcpu->vmcs && vcpu->tpr_page && vcpu->xsave)
        return true;
    pages_give(domain, vcpu);
    return false;
}

static void shared_area_set(struct vcpu *vcpu, u64 block)
{
    vcpu->block = block;
    vcpu->run = phys(block + LUV_RUN_OFFSET);
    vcpu->immediate_exit = phys(block + LUV_EXIT_NOW_OFFSET);
    vcpu->area = phys(block + LUV_STATE_OFFSET);
}

/* All but who has taken it: not for a moment may that look like nobody, or two CPUs have the slot. */
static void vcpu_fill(struct domain *domain, struct vcpu *vcpu, u32 index, u32 apic_id, u64 block)
{
    memset((u8 *)vcpu + offsetof(struct vcpu, entry_generation), 0, sizeof(*vcpu) - offsetof(struct vcpu, entry_generation));
    vcpu->domain = domain;
    vcpu->index = index;
    vcpu->apic_id = apic_id;
    vcpu->last_cpu = NO_CPU;
    shared_area_set(vcpu, block);
}

/*
 * From now on the owner is known by a page of its own: the CR3 of one that died is soon another process's, which may well
 * have the device's first page where the dead one had it.
 */
static void proof_renew(struct domain *domain, u64 address, u64 block)
{
    domain->proof_address = address;
    domain->proof_frame = block;
}

static void vcpu_make(struct cpu *cpu, struct domain *domain, struct vcpu *vcpu, u32 apic_id, u64 block)
{
    vcpu_fill(domain, vcpu, index_find(domain), apic_id, block);
    vcpu_prepare(cpu, vcpu);
    pool_owned(pool_of(domain), block, domain->index)->vcpu_areas++;
    vcpu->handle = domain->handle | (u64)(vcpu->slot + 1) << HANDLE_VCPU_SHIFT;
    __atomic_store_n(&domain->vcpus[vcpu->index], vcpu, __ATOMIC_RELEASE);
}

struct answer vcpu_create(struct cpu *cpu, struct domain *domain, u32 apic_id, u64 address)
{
    u64 block;
    u32 error = id_is_used(domain, apic_id) ? EEXIST : shared_area_find(domain, address, &block);
    if (error)
        return (struct answer){.error = error};
    if (index_find(domain) == DOMAIN_VCPUS_MAX)
        return (struct answer){.error = ENOMEM};
    struct vcpu *vcpu = slot_take(cpu, pool_of(domain));
    if (!vcpu)
        return (struct answer){.error = reap(cpu, domain->pool, domain)};
    if (!pages_take(domain, vcpu)) {
        slot_give(pool_of(domain), vcpu);
        return (struct answer){.error = reap(cpu, domain->pool, domain)};
    }
    vcpu_make(cpu, domain, vcpu, apic_id, block);
    proof_renew(domain, address, block);
    struct answer answer = {.value = vcpu->handle};
    vcpu_release(vcpu);
    return answer;
}

/* Its VMCS was made clear when it last left; now no CPU knows it. SDM: 25.11.1 */
static bool vcpu_free(struct cpu *cpu, struct domain *domain, struct vcpu *vcpu)
{
    if (!vcpu_try(cpu, vcpu))
        return false;
    vmclear(vcpu->vmcs);
    vcpu->handle = 0;
    __atomic_store_n(&domain->vcpus[vcpu->index], 0, __ATOMIC_RELEASE);
    pool_owned(pool_of(domain), vcpu->block, domain->index)->vcpu_areas--;
    pages_give(domain, vcpu);
    slot_give(pool_of(domain), vcpu);
    return true;
}

bool vcpus_free(struct cpu *cpu, struct domain *domain)
{
    bool all = true;
    for (u32 i = 0; i < DOMAIN_VCPUS_MAX; i++)
        if (domain->vcpus[i])
            all &= vcpu_free(cpu, domain, domain->vcpus[i]);
    return all;
}
