/* Creating domains and vCPUs, loading and running guests, reading and writing vCPU state. */
#include <string.h>
#include <sys/random.h>

#include "test.h"

struct result create_domain(struct domain *domain, uint64_t flags, const void *proof)
{
    struct result result;

    memset(domain, 0, sizeof *domain);
    CHECK(getrandom(domain->secret, sizeof domain->secret, 0) == sizeof domain->secret, "no random numbers");
    do
        result = call(LUV_HYPERCALL_domain_create, flags, (uintptr_t)proof, domain->secret[0], domain->secret[1], get_token());
    while (result.status == -EAGAIN); /* a dead owner's domain is being destroyed */
    domain->handle = result.value;
    return result;
}

void make_domain(struct domain *domain)
{
    STATUS(create_domain(domain, 0, find_proof()), 0);
    CHECK(domain->handle, "the handle of a domain is 0");
    domain->memory_superpage = claim_superpage(domain);
    domain->shared_superpage = claim_superpage(domain);
    domain->memory = map_superpage(domain->memory_superpage);
    domain->shared_areas = map_superpage(domain->shared_superpage);
    map_memory(domain, 0, domain->memory, SUPERPAGE, 7);
    make_processor(domain, 0);
}

struct processor *make_processor(struct domain *domain, uint32_t apic_id)
{
    struct processor *processor = &domain->processors[domain->count];
    struct result result;

    processor->domain = domain;
    processor->block = domain->shared_areas + domain->count++ * sizeof(struct luv_shared_area);
    processor->exit_now = processor->block + offsetof(struct luv_shared_area, immediate_exit);
    processor->run = (struct luv_run *)(processor->block + offsetof(struct luv_shared_area, run));
    processor->state = processor->block + offsetof(struct luv_shared_area, state);
    result = call_domain(domain, LUV_HYPERCALL_vcpu_create, apic_id, (uintptr_t)processor->block, 0);
    STATUS(result, 0);
    processor->handle = result.value;
    return processor;
}

void load(struct domain *domain, const uint8_t *start, const uint8_t *end)
{
    memcpy(domain->memory + CODE, start, (size_t)(end - start));
}

static struct result call_processor(struct processor *processor, uint32_t number, uint64_t second, uint64_t third)
{
    return call(number, processor->handle, second, third, 0, processor->domain->secret);
}

struct result enter(struct processor *processor)
{
    struct result result = call_processor(processor, LUV_HYPERCALL_vcpu_run, 0, 0);

    if (!result.status)
        EQUAL(processor->run->exit, result.value);
    return result;
}

uint32_t run(struct processor *processor)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct result result = enter(processor);

        STATUS(result, 0);
        EQUAL(processor->run->finish, LUV_FINISH_RESUME);
        if (result.value != LUV_EXIT_INTERRUPTED)
            return (uint32_t)result.value;
    }
    CHECK(false, "interrupted %d times without another exit", ROUNDS);
}

uint32_t step(struct processor *processor)
{
    processor->run->finish = LUV_FINISH_ADVANCE;
    return run(processor);
}

void expect_exit(const char *file, int line, struct processor *processor, uint32_t kind, uint32_t expected)
{
    volatile struct luv_run *run = processor->run;

    if (kind != expected)
        fail(file, line, "exit %u instead of %u at rip %#" PRIx64 ", words %#" PRIx64 " %#" PRIx64 " %#" PRIx64, kind, expected,
             run->rip, run->words[0], run->words[1], run->words[2]);
}

void get_state(struct processor *processor, uint32_t what, void *data, uint32_t size)
{
    struct result result = call_processor(processor, LUV_HYPERCALL_vcpu_get, what, size);

    STATUS(result, 0);
    memcpy(data, processor->state, size);
}

struct result try_set(struct processor *processor, uint32_t what, const void *data, uint32_t size)
{
    memcpy(processor->state, data, size);
    return call_processor(processor, LUV_HYPERCALL_vcpu_set, what, size);
}

void set_state(struct processor *processor, uint32_t what, const void *data, uint32_t size)
{
    struct result result = try_set(processor, what, data, size);

    CHECK(!result.status, "vcpu_set(%u) fails with %" PRId64 ", value %" PRIu64, what, result.status, result.value);
}

uint64_t get_msr(struct processor *processor, uint32_t index)
{
    struct kvm_msr_entry entry = {.index = index};

    memcpy(processor->state, &entry, sizeof entry);
    get_state(processor, LUV_STATE_MSRS, &entry, sizeof entry);
    return entry.data;
}

void set_msr(struct processor *processor, uint32_t index, uint64_t value)
{
    struct kvm_msr_entry entry = {.index = index, .data = value};
    struct result result = try_set(processor, LUV_STATE_MSRS, &entry, sizeof entry);

    CHECK(!result.status && result.value == 1, "MSR %#x cannot be set to %#" PRIx64 ": %" PRId64, index, value, result.status);
}
