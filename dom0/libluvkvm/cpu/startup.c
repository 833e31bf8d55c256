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
            .apic_base = vcpu->apic.base & ~(uint64_t)APIC_BASE_X2APIC,
        };

    backend(vcpu)->get_state(vcpu, STATE_SREGS, &old);
    sregs.cr0 = 0x10 | (old.cr0 & CR0_RESET);
    sregs.cs.selector = 0xF000;
    sregs.cs.base = 0xFFFF0000;
    backend(vcpu)->set_state(vcpu, STATE_SREGS, &sregs);
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

    backend(vcpu)->set_state(vcpu, STATE_REGS, &regs);
    backend(vcpu)->set_state(vcpu, STATE_DEBUGREGS, &debug);
    backend(vcpu)->set_state(vcpu, STATE_EVENTS, &events);
}

/* The boot processor starts again at the reset vector, the others wait for SIPI. SDM: 9.4.2 */
static void handle_init(struct vcpu *vcpu)
{
    backend(vcpu)->settle(vcpu);
    reset_sregs(vcpu);
    reset_rest(vcpu);
    apic_reset(vcpu);
    vcpu->external = -1;
    atomic_store(&vcpu->nmis, 0);
    vcpu->run->if_flag = 0;
    vcpu->state = vcpu->apic.base & APIC_BASE_BSP ? KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_INIT_RECEIVED;
}

static void handle_sipi(struct vcpu *vcpu, int vector)
{
    struct kvm_sregs sregs;
    struct kvm_regs regs;

    if (vcpu->state != KVM_MP_STATE_INIT_RECEIVED)
        return;
    backend(vcpu)->get_state(vcpu, STATE_SREGS, &sregs);
    backend(vcpu)->get_state(vcpu, STATE_REGS, &regs);
    sregs.cs.selector = (uint16_t)(vector << 8);
    sregs.cs.base = (uint64_t)vector << 12;
    regs.rip = 0;
    backend(vcpu)->set_state(vcpu, STATE_SREGS, &sregs);
    backend(vcpu)->set_state(vcpu, STATE_REGS, &regs);
    vcpu->state = KVM_MP_STATE_RUNNABLE;
}

void start_up(struct vcpu *vcpu)
{
    int vector;

    if (atomic_exchange(&vcpu->apic.init, false))
        handle_init(vcpu);
    vector = atomic_exchange(&vcpu->apic.sipi, -1);
    if (vector >= 0)
        handle_sipi(vcpu, vector);
}
