/* The dispatcher of hypercalls on the host; the functions that it calls come from Python and record what they get. */
#define vmread vmread_of_the_processor
#include "vmx/vmx.h"
#undef vmread

/* Whatever is read: the caller is 64-bit code in ring 3. */
static inline u64 vmread(u64 field)
{
    (void)field;
    return ~0ull;
}

#include "generated/vmx/dom0_handlers.c"

/* The last call: its number, whether it got the object of its handle, and its other arguments. */
struct record {
    u64 number, object, arguments[4], callers;
};

struct vcpu *vcpus;
struct record host_record;

static struct cpu cpu;
static struct vcpu table[VCPUS_MAX];
static struct domain domain = {.state = DOMAIN_ALIVE, .owner = CR3_SPACE};

static struct answer record(u64 number, const void *object, u64 a, u64 b, u64 c, u64 d)
{
    host_record.number = number;
    host_record.object = object == &domain || object == &table[0];
    host_record.arguments[0] = a, host_record.arguments[1] = b, host_record.arguments[2] = c, host_record.arguments[3] = d;
    return (struct answer){.value = ~number};
}

/* Who has the token is not the dispatcher's to decide. */
bool knows_token(const struct cpu *cpu)
{
    (void)cpu;
    return true;
}

#include "dispatched.inc"

u32 domain_acquire(struct cpu *cpu, u64 handle, u32 who, struct domain **found)
{
    (void)cpu;
    host_record.callers = who;
    *found = &domain;
    return handle == HOST_DOMAIN ? 0 : ENOENT;
}

void domain_release(struct domain *domain)
{
    (void)domain;
}

static bool token_known;

bool knows_token(const struct cpu *cpu)
{
    (void)cpu;
    return token_known;
}

/* `busy`: another CPU has acquired the vCPU. `known`: the caller knows the token. */
u32 host_dispatch(u32 way, const u64 *registers, bool busy, bool known, u64 *value)
{
    token_known = known;
    vcpus = table;
    table[0] = (struct vcpu){.handle = HOST_VCPU, .domain = &domain, .cpu = busy ? 2 : 0};
    host_record = (struct record){.number = ~0ull};
    cpu.guest.rax = registers[0], cpu.guest.rdi = registers[1], cpu.guest.rsi = registers[2];
    cpu.guest.rdx = registers[3], cpu.guest.r10 = registers[4];
    if (way & LUV_FROM_ROOT)
        hypercall_answer(&cpu, hypercall_by_row(&cpu, way));
    else if (!policy_hypercall(&cpu))
        return ~0u;
    *value = cpu.guest.rdx;
    return table[0].cpu == (busy ? 2 : 0) ? (u32)-cpu.guest.rax : ~0u;       /* what was acquired is released */
}
