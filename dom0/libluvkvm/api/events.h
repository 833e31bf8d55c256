/* What devices and interrupts go through without the VMM's main loop: ioeventfd, coalesced writes, irqfd, GSI routes. */
#pragma once
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

struct access;
struct vcpu;
struct vm;

/* devices.c: writes that need no answer. */
long set_ioeventfd(struct vm *vm, const struct kvm_ioeventfd *request);
long set_zone(struct vm *vm, const struct kvm_coalesced_mmio_zone *zone, bool add);
bool signal_ioeventfd(struct vm *vm, const struct access *access);
bool coalesce_write(struct vcpu *vcpu, const struct access *access);

/* routes.c: what an interrupt number means. */
long set_routes(struct vm *vm, const struct kvm_irq_routing *routes);
long raise_gsi(struct vm *vm, uint32_t gsi, bool level);

/* irqfds.c: descriptors whose events are interrupts. */
long set_irqfd(struct vm *vm, const struct kvm_irqfd *request);
