/* The VM's clock: KVM_GET_CLOCK, and the page by which a guest computes it from its TSC (kvmclock). */
#pragma once
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

struct vcpu;
struct vm;

/* Features of KVM's own CPUID leaf: the clock here, and interrupts to many by one call (hypercalls.h); steal time, asynchronous
 * faults and EOI by memory may be switched on by a guest and then never happen, as their interfaces allow. */
#define PARAVIRTUAL_FEATURES 0x0100087Bu

long get_clock(struct vm *vm, struct kvm_clock_data *clock);
long set_clock(struct vm *vm, const struct kvm_clock_data *clock);

/* The MSRs of KVM's interface. */
bool is_paravirtual_msr(uint32_t index);

/* The guest has written one: fill the page it names. */
void write_paravirtual_msr(struct vcpu *vcpu, uint32_t index, uint64_t value);
