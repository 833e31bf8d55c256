/* Handlers of a domU's exits that the language cannot express: exceptions, events that are dom0's, and the guest's clock. */
#include "domu/switch.h"
#include "generated/x86/externs.h"
#include "vmx/events.h"

#define TRAP_BITS (DR6_B0 | DR6_B1 | DR6_B2 | DR6_B3)

/*
 * Injection of a #DB changes neither DR6 nor DR7, as its delivery would have. The exit may report disabled breakpoints too:
 * while the debug registers are dom0's, those are dom0's. SDM: 27.6.1.2, 28.1, 28.2.1
 */
static void debug_prepare(struct cpu *cpu, u64 cause)
{
    u64 guests = cpu->vcpu->debug_loaded ? TRAP_BITS : 0;
    debug_load_guest(cpu);
    u64 set = cause & (guests | DR6_BD | DR6_BS);
    host_write_dr6((host_read_dr6() & ~(u64)TRAP_BITS) | set);
    set_guest_dr7(guest_dr7() & ~(u64)DR7_GD);
}

/* With a shadow and TF set, VM entry insists on a pending single-step trap. SDM: 27.3.1.5 */
static void single_step_keep(void)
{
    if (guest_rflags() & RFLAGS_TF && guest_in_shadow())
        guest_pend_single_step();
}

static void inject(struct cpu *cpu, const struct exit_exception *e)
{
    if (e->vector == VECTOR_DB)
        debug_prepare(cpu, e->detail);
    if (e->is_int1)
        guest_advance(cpu);
    else
        single_step_keep();
    if (e->has_error)
        guest_inject_error(cpu, e->vector, e->error);
    else
        guest_inject(cpu, e->vector);
}

u8 handle_exception(struct cpu *cpu)
{
    struct exit_exception e = exit_exception();
    if (e.vector == VECTOR_MC) {
        handle_machine_check(cpu);
        return EXCEPTION_TO_DOM0;
    }
    if (cpu->vcpu->exceptions >> e.vector & 1)
        return EXCEPTION_TO_VMM;
    inject(cpu, &e);
    return EXCEPTION_INJECTED;
}

/* dom0's NMI: its NMI window opens when its VMCS is current again. See vcpu_put. */
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

/* The guest writes its TSC: IA32_TSC_ADJUST changes by as much. SDM: 18.17.3 */
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
