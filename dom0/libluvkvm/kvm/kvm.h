/* The backend by /dev/kvm: what its two halves share. */
#pragma once
#include <signal.h>

#include "api/vcpu.h"

struct own_vcpu {
    int fd;
    struct kvm_run *run;
    bool ready; /* an interrupt can be injected */
    bool completion_pending;  /* KVM completes the answered access at the next KVM_RUN */
    bool deferred; /* completing it caused another exit, which the next run returns */
    bool masked;
    uint64_t base; /* of the APIC, as KVM's CPUID has it */
    sigset_t mask;
};

static inline struct own_vcpu *own(struct vcpu *vcpu)
{
    return vcpu->own;
}

static inline int own_vm(struct vm *vm)
{
    return (int)(long)vm->own;
}

/* An ioctl past the library's own hook: its result or -errno. */
long kvm_ioctl(int fd, unsigned long request, const void *argument);

int kvm_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value);

/* run.c */
enum exit_kind kvm_run(struct vcpu *vcpu);
void kvm_settle(struct vcpu *vcpu);
void kvm_answer_access(struct vcpu *vcpu);
void kvm_answer_msr(struct vcpu *vcpu, uint64_t value, bool fault);
void kvm_answer_cpuid(struct vcpu *vcpu, const uint32_t registers[4]);
bool kvm_can_interrupt(struct vcpu *vcpu);
void kvm_interrupt(struct vcpu *vcpu, uint8_t vector);
void kvm_request_window(struct vcpu *vcpu, bool wanted);
void kvm_nmi(struct vcpu *vcpu);
