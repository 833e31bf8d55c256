/* Domains and vCPUs: making, loading, running, reading and writing their state. */
#include <string.h>
#include <sys/random.h>

#include "test.h"

struct given create_domain(struct domain *domain, uint64_t flags, const void *proof)
{
    struct given given;

    memset(domain, 0, sizeof *domain);
    CHECK(getrandom(domain->secret, sizeof domain->secret, 0) == sizeof domain->secret, "no random numbers");
    do
        given = call(LUV_HYPERCALL_domain_create, flags, (uintptr_t)proof, 0, 0, domain->secret);
    while (given.status == -EAGAIN); /* a dead owner's domain is taken apart */
    domain->handle = given.value;
    return given;
}

void make_domain(struct domain *domain)
{
    STATUS(create_domain(domain, 0, find_proof()), 0);
    CHECK(domain->handle, "the handle of a domain is 0");
    domain->memory_frame = claim_frame(domain);
    domain->block_frame = claim_frame(domain);
    domain->memory = map_frame(domain->memory_frame);
    domain->blocks = map_frame(domain->block_frame);
    map_memory(domain, 0, domain->memory, FRAME, 7);
    make_processor(domain, 0);
}

struct processor *make_processor(struct domain *domain, uint32_t apic_id)
{
    struct processor *processor = &domain->processors[domain->count];
    struct given given;

    processor->domain = domain;
    processor->block = domain->blocks + domain->count++ * LUV_BLOCK_SIZE;
    processor->leave_now = processor->block + LUV_EXIT_NOW_OFFSET;
    processor->run = (struct luv_run *)(processor->block + LUV_RUN_OFFSET);
    processor->state = processor->block + LUV_STATE_OFFSET;
    given = call_domain(domain, LUV_HYPERCALL_vcpu_create, apic_id, (uintptr_t)processor->block, 0);
    STATUS(given, 0);
    processor->handle = given.value;
    return processor;
}

void load(struct domain *domain, const uint8_t *start, const uint8_t *end)
{
    memcpy(domain->memory + CODE, start, (size_t)(end - start));
}

static struct given call_processor(struct processor *processor, uint32_t number, uint64_t second, uint64_t third)
{
    return call(number, processor->handle, second, third, 0, processor->domain->secret);
}

struct given enter(struct processor *processor)
{
    struct given given = call_processor(processor, LUV_HYPERCALL_vcpu_run, 0, 0);

    if (!given.status)
        EQUAL(processor->run->exit, given.value);
    return given;
}

uint32_t run(struct processor *processor)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct given given = enter(processor);

        STATUS(given, 0);
        EQUAL(processor->run->finish, LUV_FINISH_RESUME);
        if (given.value != LUV_EXIT_INTERRUPTED)
            return (uint32_t)given.value;
    }
    CHECK(false, "interrupted %d times and nothing else", ROUNDS);
}

uint32_t step(struct processor *processor)
{
    processor->run->finish = LUV_FINISH_ADVANCE;
    return run(processor);
}

void expect_exit(const char *file, int line, struct processor *processor, uint32_t kind, uint32_t wanted)
{
    volatile struct luv_run *run = processor->run;

    if (kind != wanted)
        fail(file, line, "exit %u instead of %u at rip %#" PRIx64 ", words %#" PRIx64 " %#" PRIx64 " %#" PRIx64, kind, wanted,
             run->rip, run->words[0], run->words[1], run->words[2]);
}

void get_state(struct processor *processor, uint32_t what, void *data, uint32_t size)
{
    struct given given = call_processor(processor, LUV_HYPERCALL_vcpu_get, what, size);

    STATUS(given, 0);
    memcpy(data, processor->state, size);
}

struct given try_set(struct processor *processor, uint32_t what, const void *data, uint32_t size)
{
    memcpy(processor->state, data, size);
    return call_processor(processor, LUV_HYPERCALL_vcpu_set, what, size);
}

void set_state(struct processor *processor, uint32_t what, const void *data, uint32_t size)
{
    struct given given = try_set(processor, what, data, size);

    CHECK(!given.status, "vcpu_set(%u) fails with %" PRId64 ", value %" PRIu64, what, given.status, given.value);
}

uint64_t get_msr(struct processor *processor, uint32_t index)
{
    struct kvm_msr_entry entry = {.index = index};

    memcpy(processor->state, &entry, sizeof entry);
    get_state(processor, STATE_MSRS, &entry, sizeof entry);
    return entry.data;
}

void set_msr(struct processor *processor, uint32_t index, uint64_t value)
{
    struct kvm_msr_entry entry = {.index = index, .data = value};
    struct given given = try_set(processor, STATE_MSRS, &entry, sizeof entry);

    CHECK(!given.status && given.value == 1, "MSR %#x cannot be set to %#" PRIx64 ": %" PRId64, index, value, given.status);
}
