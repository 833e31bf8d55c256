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

void host_policy(u32 leaf, u32 subleaf, u32 *registers)
{
    struct regs4 in = {registers[0], registers[1], registers[2], registers[3]};
    struct regs4 out = policy_cpuid(0, leaf, subleaf, in);
    registers[0] = out.eax;
    registers[1] = out.ebx;
    registers[2] = out.ecx;
    registers[3] = out.edx;
}
