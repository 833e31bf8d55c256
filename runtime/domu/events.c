/* Exceptions, NMIs and INITs that a domU left for, and the clock that it sees. */
#include "generated/externs.h"
#include "generated/x86.h"
#include "vmx/events.h"
#include "core/host.h"
#include "vmx/nmi.h"
#include "domu/switch.h"

#define TYPE_OF(info) (((info) & EXIT_INTERRUPTION_INFO_TYPE_MASK) >> EXIT_INTERRUPTION_INFO_TYPE_SHIFT)
#define TYPE_PRIVILEGED_SOFTWARE 5u     /* INT1. SDM: table 25-18 */
#define TRAP_BITS (DR6_B0 | DR6_B1 | DR6_B2 | DR6_B3)

/*
 * An entry does neither of what a #DB's delivery does to DR6 and DR7. Breakpoints that are off may be reported as met too:
 * until the guest has the registers they are dom0's. SDM: 27.6.1.2, 28.1, 28.2.1
 */
static void debug_prepare(struct cpu *cpu)
{
    u64 own = cpu->vcpu->debug_loaded ? TRAP_BITS : 0, cause = vmread(VMCS_EXIT_QUALIFICATION);
    debug_load(cpu);
    u64 set = cause & (own | DR6_BD | DR6_BS);
    host_write_dr6((host_read_dr6() & ~(u64)TRAP_BITS) | set);
    vmwrite(VMCS_GUEST_DR7, vmread(VMCS_GUEST_DR7) & ~(u64)DR7_GD);
}

/* With a shadow left and TF set the entry insists on the step's trap. SDM: 27.3.1.5 */
static void step_keep(void)
{
    u64 shadow = INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS;
    if (vmread(VMCS_GUEST_RFLAGS) & RFLAGS_TF && vmread(VMCS_GUEST_INTERRUPTIBILITY_STATE) & shadow)
        guest_single_step();
}

static void reflect(struct cpu *cpu, u64 info)
{
    u32 vector = info & EXIT_INTERRUPTION_INFO_VECTOR_MASK;
    if (vector == VECTOR_DB)
        debug_prepare(cpu);
    if (TYPE_OF(info) == TYPE_PRIVILEGED_SOFTWARE)
        guest_advance(cpu);
    else
        step_keep();
    if (info & EXIT_INTERRUPTION_INFO_ERROR_CODE_VALID)
        guest_inject_error(cpu, vector, (u32)vmread(VMCS_EXIT_INTERRUPTION_ERROR_CODE));
    else
        guest_inject(cpu, vector);
}

u8 exception_left(struct cpu *cpu)
{
    u64 info = vmread(VMCS_EXIT_INTERRUPTION_INFO);
    u32 vector = info & EXIT_INTERRUPTION_INFO_VECTOR_MASK;
    if (vector == VECTOR_MC) {
        machine_check_left(cpu);
        return EXCEPTION_OURS;
    }
    if (cpu->vcpu->exceptions >> vector & 1)
        return EXCEPTION_WANTED;
    reflect(cpu, info);
    return EXCEPTION_REFLECTED;
}

/* dom0's: its window opens when its VMCS is current again. See vmcs_return. */
void nmi_left(struct cpu *cpu)
{
    nmi_unmask();
    cpu->nmi_owed = true;
}

void init_left(struct cpu *cpu)
{
    cpu->init_owed = true;
}

void machine_check_left(struct cpu *cpu)
{
    cpu->mc_owed = true;
}

u64 cr4_permitted(struct cpu *cpu)
{
    return cpu->vcpu->cr4_permitted;
}

/* The guest's writes to its clock. SDM: 18.17.3 */
static void clock_set(struct vcpu *vcpu, u64 offset)
{
    vcpu->tsc_adjust += offset - vmread(VMCS_TSC_OFFSET);
    vmwrite(VMCS_TSC_OFFSET, offset);
}

void tsc_write(struct cpu *cpu, u64 value)
{
    clock_set(cpu->vcpu, value - host_rdtsc());
}

u64 tsc_adjust_read(struct cpu *cpu)
{
    return cpu->vcpu->tsc_adjust;
}

void tsc_adjust_write(struct cpu *cpu, u64 value)
{
    clock_set(cpu->vcpu, vmread(VMCS_TSC_OFFSET) + value - cpu->vcpu->tsc_adjust);
}

void dr_left(struct cpu *cpu)
{
    debug_load(cpu);
}
