/* dom0's CPUID policy on the host; guest state is one word that Python sets. */
#define vmread vmread_of_the_processor
#include "vmx/vmx.h"
#undef vmread

u64 host_state;

static inline u64 vmread(u64 field)
{
    (void)field;
    return host_state;
}

#include "generated/vmx/dom0_handlers.c"

struct vcpu *vcpus;                     /* none */

/* The tables of masks as they are before boot. */
static struct dom0_cpuid_basic basic;
static struct regs4 extended[DOM0_CPUID_EXTENDED];
static struct cpuid_rule rules[DOM0_CPUID_RULES];

void host_tables_keep(void)
{
    __builtin_memcpy(&basic, &dom0_cpuid_basic, sizeof(basic));
    __builtin_memcpy(extended, dom0_cpuid_extended, sizeof(extended));
    __builtin_memcpy(rules, dom0_cpuid_rules, sizeof(rules));
}

void host_tables_restore(void)
{
    __builtin_memcpy(&dom0_cpuid_basic, &basic, sizeof(basic));
    __builtin_memcpy(dom0_cpuid_extended, extended, sizeof(extended));
    __builtin_memcpy(dom0_cpuid_rules, rules, sizeof(rules));
}

void host_policy(u32 leaf, u32 subleaf, u32 *registers)
{
    struct regs4 in = {registers[0], registers[1], registers[2], registers[3]};
    struct regs4 out = policy_cpuid(0, leaf, subleaf, in);
    registers[0] = out.eax;
    registers[1] = out.ebx;
    registers[2] = out.ecx;
    registers[3] = out.edx;
}
