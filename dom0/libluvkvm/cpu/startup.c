#include "cpu/startup.h"

#include <string.h>

#include "api/vcpu.h"

#define CR0_RESET 0x60000010u
#define CODE 0xB
#define DATA 0x3
#define TABLE 0x2
#define BUSY_TSS 0xB

static struct kvm_segment make_segment(uint8_t type, bool code_or_data)
{
    return (struct kvm_segment){.limit = 0xFFFF, .type = type, .present = 1, .s = code_or_data};
}

/* What INIT leaves of the system registers: CR0.CD and NW survive it. SDM: table 9-1 */
static void reset_sregs(struct vcpu *vcpu)
{
    struct kvm_sregs old,
        sregs = {
            .cs = make_segment(CODE, true),
            .ds = make_segment(DATA, true),
            .es = make_segment(DATA, true),
            .fs = make_segment(DATA, true),
            .gs = make_segment(DATA, true),
            .ss = make_segment(DATA, true),
            .tr = make_segment(BUSY_TSS, false),
            .ldt = make_segment(TABLE, false),
            .gdt.limit = 0xFFFF,
            .idt.limit = 0xFFFF,
            .apic_base = vcpu->apic.base & ~(uint64_t)APIC_BASE_X2,
        };

    beneath(vcpu)->get_state(vcpu, STATE_SREGS, &old);
    sregs.cr0 = 0x10 | (old.cr0 & CR0_RESET);
    sregs.cs.selector = 0xF000;
    sregs.cs.base = 0xFFFF0000;
    beneath(vcpu)->set_state(vcpu, STATE_SREGS, &sregs);
}

static uint32_t get_signature(struct vcpu *vcpu)
{
    uint32_t registers[4];

    answer_leaf(vcpu, 1, 0, registers);
    return registers[0];
}

static void reset_rest(struct vcpu *vcpu)
{
    struct kvm_regs regs = {.rip = 0xFFF0, .rflags = 2, .rdx = get_signature(vcpu)};
    struct kvm_debugregs debug = {.dr6 = 0xFFFF0FF0, .dr7 = 0x400};
    struct kvm_vcpu_events events = {.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW};

    beneath(vcpu)->set_state(vcpu, STATE_REGS, &regs);
    beneath(vcpu)->set_state(vcpu, STATE_DEBUGREGS, &debug);
    beneath(vcpu)->set_state(vcpu, STATE_EVENTS, &events);
}

/* The boot processor starts again at the reset vector, the others wait for SIPI. SDM: 9.4.2 */
static void take_init(struct vcpu *vcpu)
{
    beneath(vcpu)->settle(vcpu);
    reset_sregs(vcpu);
    reset_rest(vcpu);
    apic_reset(vcpu);
    vcpu->external = -1;
    atomic_store(&vcpu->nmis, 0);
    vcpu->run->if_flag = 0;
    vcpu->state = vcpu->apic.base & APIC_BASE_BSP ? KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_INIT_RECEIVED;
}

static void take_sipi(struct vcpu *vcpu, int vector)
{
    struct kvm_sregs sregs;
    struct kvm_regs regs;

    if (vcpu->state != KVM_MP_STATE_INIT_RECEIVED)
        return;
    beneath(vcpu)->get_state(vcpu, STATE_SREGS, &sregs);
    beneath(vcpu)->get_state(vcpu, STATE_REGS, &regs);
    sregs.cs.selector = (uint16_t)(vector << 8);
    sregs.cs.base = (uint64_t)vector << 12;
    regs.rip = 0;
    beneath(vcpu)->set_state(vcpu, STATE_SREGS, &sregs);
    beneath(vcpu)->set_state(vcpu, STATE_REGS, &regs);
    vcpu->state = KVM_MP_STATE_RUNNABLE;
}

void start_up(struct vcpu *vcpu)
{
    int vector;

    if (atomic_exchange(&vcpu->apic.init, false))
        take_init(vcpu);
    vector = atomic_exchange(&vcpu->apic.sipi, -1);
    if (vector >= 0)
        take_sipi(vcpu, vector);
}
