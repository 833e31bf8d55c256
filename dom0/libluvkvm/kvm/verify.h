/* For development: with LUVKVM_VERIFY set, each read of a device's memory that KVM has decoded is decoded here too. */
#pragma once
#include <linux/kvm.h>
#include <stdint.h>

struct vcpu;

/* Log a difference; at the exit, with RIP still on the instruction. */
void verify_read(struct vcpu *vcpu, uint64_t address, uint32_t size);
