/* vCPUs: made by a hypercall, freed with their domain. Under the domain's lock. */
#include "core/layout.h"
#include "core/string.h"
#include "domu/pool.h"
#include "domu/state.h"
#include "domu/switch.h"

struct vcpu *vcpus;

static struct pool *pool_of(const struct domain *domain)
{
    return &pools[domain->pool];
}

static struct vcpu *free_find(struct cpu *cpu)
{
    for (u32 i = 0; i < VCPUS_MAX; i++) {
        if (vcpus[i].handle || !vcpu_try_acquire(cpu, &vcpus[i]))
            continue;
        if (!vcpus[i].handle)
            return &vcpus[i];
        vcpu_release(&vcpus[i]);
    }
    return 0;
}

/* A free slot, acquired. Each pool has its share of them, as of domains. */
static struct vcpu *slot_alloc(struct cpu *cpu, struct pool *pool)
{
    u32 count = __atomic_add_fetch(&pool->vcpus, 1, __ATOMIC_SEQ_CST);
    struct vcpu *vcpu = count <= VCPUS_MAX / pool_count ? free_find(cpu) : 0;
    if (!vcpu)
        __atomic_sub_fetch(&pool->vcpus, 1, __ATOMIC_SEQ_CST);
    return vcpu;
}

static void slot_free(struct pool *pool, struct vcpu *vcpu)
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

/* Contiguous pages of a superpage that the domain owns, which the caller may write. */
static u32 shared_area_find(const struct domain *domain, u64 address, u64 *area)
{
    if (address & (sizeof(struct luv_shared_area) - 1))
        return EINVAL;
    struct walk walk = walk_caller(true);
    for (u64 length, done = 0; done < sizeof(struct luv_shared_area); done += length) {
        u64 physical;
        length = walk_span(&walk, address + done, sizeof(struct luv_shared_area) - done, &physical);
        if (!length)
            return EFAULT;
        if (!done)
            *area = physical;
        if (physical != *area + done)
            return EPERM;
    }
    bool inside = *area % SUPERPAGE_SIZE <= SUPERPAGE_SIZE - sizeof(struct luv_shared_area);
    return inside && pool_owned(pool_of(domain), *area, domain->index) ? 0 : EPERM;
}

static void pages_free(struct domain *domain, struct vcpu *vcpu)
{
    if (vcpu->control_page)
        pool_page_free(pool_of(domain), vcpu->control_page, 1);
    if (vcpu->tpr_page)
        pool_page_free(pool_of(domain), vcpu->tpr_page, 1);
    if (vcpu->xsave)
        pool_page_free(pool_of(domain), vcpu->xsave, vcpu->xsave_pages);
    vcpu->control_page = vcpu->tpr_page = vcpu->xsave = 0;
}

static bool pages_alloc(struct domain *domain, struct vcpu *vcpu)
{
    vcpu->xsave_pages = (u32)(round_up(domu_xsave_size(), PAGE_SIZE) / PAGE_SIZE);
    vcpu->control_page = pool_page_alloc(pool_of(domain), 1);
    vcpu->tpr_page = pool_page_alloc(pool_of(domain), 1);
    vcpu->xsave = pool_page_alloc(pool_of(domain), vcpu->xsave_pages);
    if (vcpu->control_page && vcpu->tpr_page && vcpu->xsave)
        return true;
    pages_free(domain, vcpu);
    return false;
}

static void shared_area_set(struct vcpu *vcpu, u64 area)
{
    vcpu->shared_area = area;
    vcpu->run = phys(area + offsetof(struct luv_shared_area, run));
    vcpu->immediate_exit = phys(area + offsetof(struct luv_shared_area, immediate_exit));
    vcpu->state_area = phys(area + offsetof(struct luv_shared_area, state));
}

/* All but who has acquired it: that must not change for a moment, or two CPUs could have the slot. */
static void vcpu_fill(struct domain *domain, struct vcpu *vcpu, u32 index, u32 apic_id, u64 area)
{
    memset((u8 *)vcpu + offsetof(struct vcpu, entry_generation), 0, sizeof(*vcpu) - offsetof(struct vcpu, entry_generation));
    vcpu->domain = domain;
    vcpu->index = index;
    vcpu->apic_id = apic_id;
    vcpu->last_cpu = NO_CPU;
    shared_area_set(vcpu, area);
}

/*
 * From now on the proof that the owner lives is a page that no other process has: a dead process's CR3 is soon another's, which
 * may well map the pool's first page where the dead one did.
 */
static void proof_renew(struct domain *domain, u64 address, u64 area)
{
    domain->proof_address = address;
    domain->proof_frame = area;
}

static void vcpu_init(struct cpu *cpu, struct domain *domain, struct vcpu *vcpu, u32 apic_id, u64 area)
{
    vcpu_fill(domain, vcpu, index_find(domain), apic_id, area);
    state_reset(cpu, vcpu);
    pool_owned(pool_of(domain), area, domain->index)->vcpu_areas++;
    vcpu->handle = domain->handle | (u64)(vcpu->slot + 1) << HANDLE_VCPU_SHIFT;
    __atomic_store_n(&domain->vcpus[vcpu->index], vcpu, __ATOMIC_RELEASE);
}

struct answer vcpu_make(struct cpu *cpu, struct domain *domain, u32 apic_id, u64 address)
{
    u64 area;
    u32 error = id_is_used(domain, apic_id) ? EEXIST : shared_area_find(domain, address, &area);
    if (error)
        return (struct answer){.error = error};
    if (index_find(domain) == DOMAIN_VCPUS_MAX)
        return (struct answer){.error = ENOMEM};
    struct vcpu *vcpu = slot_alloc(cpu, pool_of(domain));
    if (!vcpu)
        return (struct answer){.error = ENOMEM};
    if (!pages_alloc(domain, vcpu)) {
        slot_free(pool_of(domain), vcpu);
        return (struct answer){.error = ENOMEM};
    }
    vcpu_init(cpu, domain, vcpu, apic_id, area);
    proof_renew(domain, address, area);
    struct answer answer = {.value = vcpu->handle};
    vcpu_release(vcpu);
    return answer;
}

/* Its VMCS was cleared after the last run; now no CPU has it cached either. SDM: 25.11.1 */
static bool vcpu_free(struct cpu *cpu, struct domain *domain, struct vcpu *vcpu)
{
    if (!vcpu_try_acquire(cpu, vcpu))
        return false;
    vcpu_state_clear(vcpu);
    vcpu->handle = 0;
    __atomic_store_n(&domain->vcpus[vcpu->index], 0, __ATOMIC_RELEASE);
    pool_owned(pool_of(domain), vcpu->shared_area, domain->index)->vcpu_areas--;
    pages_free(domain, vcpu);
    slot_free(pool_of(domain), vcpu);
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
