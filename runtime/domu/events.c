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
    debug_load_guest(cpu);
    u64 set = cause & (own | DR6_BD | DR6_BS);
    host_write_dr6((host_read_dr6() & ~(u64)TRAP_BITS) | set);
    set_guest_dr7(guest_dr7() & ~(u64)DR7_GD);
}

/* With a shadow left and TF set the entry insists on the step's trap. SDM: 27.3.1.5 */
static void step_keep(void)
{
    u64 shadow = INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS;
    if (guest_rflags() & RFLAGS_TF && guest_interruptibility() & shadow)
        guest_pend_single_step();
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

u8 handle_exception(struct cpu *cpu)
{
    u64 info = vmread(VMCS_EXIT_INTERRUPTION_INFO);
    u32 vector = info & EXIT_INTERRUPTION_INFO_VECTOR_MASK;
    if (vector == VECTOR_MC) {
        handle_machine_check(cpu);
        return EXCEPTION_TO_DOM0;
    }
    if (cpu->vcpu->exceptions >> vector & 1)
        return EXCEPTION_TO_VMM;
    reflect(cpu, info);
    return EXCEPTION_INJECTED;
}

/* dom0's: its window opens when its VMCS is current again. See vmcs_return. */
void handle_nmi(struct cpu *cpu)
{
    nmi_unmask();
    cpu->nmi_pending = true;
}

void handle_init(struct cpu *cpu)
{
    cpu->init_pending = true;
}

void handle_machine_check(struct cpu *cpu)
{
    cpu->mc_pending = true;
}

u64 cr4_permitted(struct cpu *cpu)
{
    return cpu->vcpu->cr4_permitted;
}

/* The guest's writes to its clock. SDM: 18.17.3 */
static void clock_set(struct vcpu *vcpu, u64 offset)
{
    vcpu->tsc_adjust += offset - tsc_offset();
    set_tsc_offset(offset);
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
    clock_set(cpu->vcpu, tsc_offset() + value - cpu->vcpu->tsc_adjust);
}

void handle_dr_access(struct cpu *cpu)
{
    debug_load_guest(cpu);
}
